"""No program for hosts needs more than Python 3.6, which RHEL 8 has, by vermin's reading of its source."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from replicas.clients.programs import LOADER, OLDEST, PACKAGE

ON_THE_PORTAL = "negotiate.py"
"""Runs on the portal's own machine, and with the system's Python there."""
PROGRAMS = sorted(entry.name for entry in resources.files(PACKAGE).iterdir() if entry.name.endswith(".py"))
# Which Python the words are from is what the loader is to find out, so an older one has to understand it.
LOADER_OLDEST = "3.4"


def objections(path: Path | str, oldest: str) -> str:
    """What a Python of that version does not have, annotations included; empty when there is nothing."""
    vermin = str(Path(sys.executable).with_name("vermin"))
    argv = [vermin, "--no-tips", "--violations", "--eval-annotations"]
    done = subprocess.run([*argv, f"--target={oldest}-", str(path)], check=False, capture_output=True, text=True)
    assert "Minimum required versions" in done.stdout + done.stderr, done.stderr
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_runs_on_the_oldest_python(name: str) -> None:
    oldest = "3.8" if name == ON_THE_PORTAL else ".".join(map(str, OLDEST))
    assert not objections(str(resources.files(PACKAGE).joinpath(name)), oldest)


@pytest.mark.parametrize(
    ("newer", "words"),
    [
        ("while piece := read():\n    print(piece)\n", "named expressions require"),
        ("from __future__ import annotations\n", "annotations"),
        ("def known(names: list[str]) -> None: ...\n", "builtin generic type annotation"),
        ("import subprocess\nsubprocess.run(['true'], capture_output=True)\n", "capture_output"),
        ("from dataclasses import dataclass\n", "dataclasses"),
        ("'a'.removeprefix('b')\n", "removeprefix"),
        ("def known(name, /): ...\n", "positional-only"),
        ("known = 1\nprint(f'{known=}')\n", "self-documenting"),
    ],
)
def test_a_newer_one_is_noticed(tmp_path: Path, newer: str, words: str) -> None:
    path = tmp_path / "newer.py"
    path.write_text(newer)
    assert words in objections(path, "3.6")


def test_an_older_python_understands_the_refusal(tmp_path: Path) -> None:
    path = tmp_path / "loader.py"
    path.write_text(LOADER)
    assert not objections(path, LOADER_OLDEST)
    argv = [sys.executable, "-I", "-c", f"import sys\nsys.version_info=(3,5,2,'final',0)\n{LOADER}", "0", "write"]
    done = subprocess.run(argv, input="", check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is Python 3.5.2; 3.6 is the oldest that will do." in done.stdout
    assert '"remedy": "Install a newer python3 on ' in done.stdout
