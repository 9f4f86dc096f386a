"""The programs for hosts, as the portal sends them, under each Python of supported hosts that this machine has."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicas.clients.programs import PACKAGE, launch
from replicas.hostside import archive
from replicas.hostside.archive import BadBundle
from tests import pythons
from tests.replicas.hostside.hostile import archives, resummed, tar
from tests.replicas.hostside.test_fuzz import FLIPS, FORMATS, GOOD, LIMITS, cases

ROOT = Path(__file__).parents[3]
MODULES = sorted(entry.name[:-3] for entry in resources.files(PACKAGE).iterdir() if entry.name.endswith(".py"))
# As the portal starts them: Python 3.6 takes its encoding from the locale alone.
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
REFUSES = """\
import hashlib, json, os, shutil, sys
sys.path.insert(0, sys.argv[1])
from replicas.hostside import archive
import io
for line in sys.stdin:
    number, data = json.loads(line)
    target = os.path.join(sys.argv[2], "t%d" % number)
    try:
        names = archive.extract(io.BytesIO(bytes.fromhex(data)), target, archive.Limits(*json.loads(sys.argv[3])))
    except archive.BadBundle as error:
        print(json.dumps([str(error), os.path.lexists(target)]), flush=True)
        continue
    assert sorted(names) == sorted(os.listdir(target))
    found = {name: hashlib.sha256(open(os.path.join(target, name), "rb").read()).hexdigest() for name in names}
    shutil.rmtree(target)
    print(json.dumps([found, False]), flush=True)
"""


@pytest.fixture(params=pythons.VERSIONS)
def python(request: pytest.FixtureRequest) -> str:
    return pythons.need(request.param)


@pytest.fixture(scope="module")
def oldest() -> str:
    return pythons.need(pythons.OLDEST)


def started(python: str, program: str, payload: Mapping[str, Any], data: bytes = b"") -> subprocess.Popen[bytes]:
    argv, head = launch(program, payload, python)
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdin is not None
    process.stdin.write(head + data)
    process.stdin.flush()
    return process


def answers(python: str, program: str, payload: Mapping[str, Any], data: bytes = b"") -> list[dict[str, Any]]:
    process = started(python, program, payload, data)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    return [json.loads(line) for line in out.splitlines()]


def test_all_are_understood(python: str) -> None:
    """Everything at the top of each module runs, so annotations of functions are read, too."""
    names = ", ".join(f"{PACKAGE}.{name}" for name in MODULES)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {names}"
    subprocess.run([python, "-I", "-B", "-W", "error", "-c", code], check=True, env=ENVIRONMENT)


def test_files_arrive(python: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    path = tmp_path / "Schlüssel"
    facts = {"path": str(path), "mode": 0o640, "owner": getpass.getuser(), "size": len(content)}
    assert answers(python, "write", facts, content) == [{"changed": True}]
    assert answers(python, "write", facts, content) == [{"changed": False}]
    assert path.read_bytes() == content
    received = tmp_path / "new" / "bundle"
    payload = {"path": str(received), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert answers(python, "receive", payload, content)[-1] == {"path": str(received)}
    assert received.read_bytes() == content
    short = answers(python, "receive", payload, content[:-1])[-1]
    assert "did not arrive whole" in short["error"]
    assert received.read_bytes() == content


def test_the_host_is_described(python: str, tmp_path: Path) -> None:
    (facts,) = answers(python, "addresses", {"folders": [str(tmp_path / "later")], "resolve": ["localhost"]})
    assert facts["hostname"] == os.uname().nodename
    assert facts["disk"][str(tmp_path / "later")]["free"] > 0
    assert {"127.0.0.1", "::1"} & set(facts["resolved"]["localhost"])


def probed(python: str, port: int, *kinds: tuple[str, str], **facts: Any) -> list[dict[str, Any]]:
    checks = [{"port": port, "protocol": protocol, "kind": kind} for kind, protocol in kinds]
    payload = {"host": "127.0.0.1", "addresses": ["127.0.0.1"], "seconds": 0.5, "checks": checks, **facts}
    results: list[dict[str, Any]] = answers(python, "probe", payload)[0]["results"]
    return results


def test_ports_are_listened_on_and_probed(python: str) -> None:
    port = free_port()
    ports = [[port, "tcp"], [port, "udp"]]
    process = started(python, "listen", {"ports": ports, "addresses": ["127.0.0.1"], "seconds": 60})
    with process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True, "taken": []}
        found = probed(python, port, ("echo", "tcp"), ("echo", "udp"), ("kdc", "udp"), ("connect", "tcp"))
        process.communicate(timeout=10)
    assert [one["detail"] for one in found] == ["echo", "echo", "no answer within 0.5 s", "accepts connections"]
    assert probed(python, port, ("connect", "tcp"))[0]["detail"] == "connection refused"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_silence_over_tcp_is_told_in_words(python: str) -> None:
    """Its error is one of its own until Python 3.10."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = probed(python, silent.getsockname()[1], ("http", "tcp"))
    assert found[0]["detail"] == "no answer within 0.5 s"


def test_certificates_are_verified(python: str, foreign_server: str, foreign_ca: str, tmp_path: Path) -> None:
    port, own = urlsplit(foreign_server).port or 0, (tmp_path / "crt").read_text()
    good = probed(python, port, ("https", "tcp"), ca=own)[0]
    assert good["ok"]
    assert "TLSv1." in good["detail"]
    untrusted = probed(python, port, ("https", "tcp"), ca=foreign_ca)[0]
    assert not untrusted["ok"]
    assert untrusted["detail"].startswith("its certificate is not trusted: ")
    other = probed(python, port, ("https", "tcp"), ca=own, host="ipaserver.example.com")[0]
    assert other["detail"] == "its certificate is for 127.0.0.1, not for ipaserver.example.com"


@pytest.mark.parametrize("program", ["freeipa_enrol", "freeipa_promote"])
def test_installers_get_their_secrets(python: str, tmp_path: Path, program: str) -> None:
    folder, installer = tmp_path / "open", tmp_path / "installer"
    folder.mkdir()
    ours = ["--unattended"]
    (folder / "answers.json").write_text(json.dumps({"enrol": ours, "promote": ours}))
    (folder / "host_password.txt").write_text("Sesam öffne dich")
    (folder / "pin").write_text("Sesam öffne dich")
    installer.write_text(
        "import json, sys\nprint(json.dumps({'arguments': sys.argv[1:], 'stdin': sys.stdin.read()}))\n"
    )
    payload = {"folder": str(folder), "program": str(installer), "pins": {"--http-pin": "pin"}}
    (seen,) = answers(python, program, payload)
    assert seen["arguments"][0] == "--unattended"
    assert seen["arguments"][-1].split("=") in (["--password", "Sesam öffne dich"], ["--http-pin", "Sesam öffne dich"])
    assert seen["stdin"] == ""
    assert not folder.exists()


class Refusing:
    """The archive reader in a process of an old Python, and what it makes of one archive after another."""

    def __init__(self, python: str, folder: str) -> None:
        argv = [python, "-I", "-B", "-c", REFUSES, str(ROOT), folder, json.dumps(LIMITS)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.number = 0

    def ask(self, data: bytes) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.number += 1
        self.process.stdin.write(json.dumps([self.number, data.hex()]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def refusing(oldest: str) -> Iterator[Refusing]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # noqa: S108 - in memory, as /run is
        made = Refusing(oldest, folder)
        yield made
        made.process.communicate()
        assert made.process.returncode == 0
        assert not os.listdir(folder)


def same(refusing: Refusing, data: bytes) -> None:
    """The old one opens what this one opens, in whose guarantees test_fuzz looks, and refuses all else alike."""
    wanted: object = None
    try:
        content = dict(archive.members(io.BytesIO(data), LIMITS))
        wanted = {name: hashlib.sha256(inner).hexdigest() for name, inner in content.items()}
    except BadBundle as error:
        wanted = str(error)
    assert refusing.ask(data) == [wanted, False]


@settings(cases, max_examples=500)
@given(archives())
def test_hostile_archives(refusing: Refusing, data: bytes) -> None:
    same(refusing, data)


@settings(cases, max_examples=500)
@given(FORMATS, FLIPS, st.booleans(), st.integers(0, 12_000))
def test_damaged_archives(refusing: Refusing, format: int, flips: list[tuple[int, int]], sums: bool, cut: int) -> None:
    data = bytearray(tar(*GOOD, format=format))
    for where, byte in flips:
        data[where % len(data)] = byte
    same(refusing, (resummed(data) if sums else bytes(data))[:cut])
