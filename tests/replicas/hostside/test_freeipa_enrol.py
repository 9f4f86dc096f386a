"""How the one-time password reaches FreeIPA's client installer; a small program stands for the installer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from replicas.clients.programs import launch

PASSWORD = "3Qj5R2C5lBtJOw1EEbyjw1P"
INSTALLER = """\
#!/usr/bin/python3 -I
import json, os, sys
print(json.dumps({
    "arguments": sys.argv[1:],
    "cmdline": open("/proc/self/cmdline").read().split(chr(0)),
    "environment": dict(os.environ),
    "folder": sorted(os.listdir(FOLDER)),
    "stdin": sys.stdin.read(),
}))
sys.exit(STATUS)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle that lies open."""
    made = tmp_path / "open"
    made.mkdir()
    (made / "answers.json").write_text(json.dumps({"enrol": ["--unattended", "--realm=EXAMPLE.COM"]}))
    (made / "host_password.txt").write_text(PASSWORD)
    (made / "ca.crt").write_text("PEM")
    return made


def enrol(folder: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    program = folder.parent / "ipa-client-install"
    program.write_text(INSTALLER.replace("FOLDER", repr(str(folder))).replace("STATUS", str(status)))
    argv, head = launch("freeipa_enrol", {"folder": str(folder), "program": str(program)}, sys.executable)
    return subprocess.run(argv, input=head.decode(), check=False, capture_output=True, text=True)


def test_the_password_is_on_no_command_line_and_in_no_environment(folder: Path) -> None:
    seen = json.loads(enrol(folder).stdout)
    assert seen["arguments"] == [
        "--unattended", "--realm=EXAMPLE.COM", f"--ca-cert-file={folder}/ca.crt", f"--password={PASSWORD}"
    ]  # fmt: skip
    assert PASSWORD not in str([seen["cmdline"], seen["environment"]])
    assert seen["folder"] == ["answers.json", "ca.crt"]
    assert seen["stdin"] == ""


@pytest.mark.parametrize("status", [0, 1, 7])
def test_nothing_is_left_and_the_status_is_the_installers(folder: Path, status: int) -> None:
    assert enrol(folder, status).returncode == status
    assert not folder.exists()


def test_a_bundle_without_a_password_is_an_error_that_shows_none(folder: Path) -> None:
    (folder / "host_password.txt").unlink()
    result = enrol(folder)
    assert result.returncode == 1
    assert "host_password.txt" in result.stderr
    assert not folder.exists()
