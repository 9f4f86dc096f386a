"""The Pythons that this machine has, to run programs with that hosts run with theirs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST = "3.6"
VERSIONS = (OLDEST, "3.9", "3.11", "3.12", "3.13")
"""Of RHEL 8, RHEL 9, Debian 12, RHEL 10 and Debian 13."""
ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def need(version: str) -> str:
    """The path of a Python of that version; the test is skipped where there is none."""
    found = find(version)
    return found or pytest.skip(f"there is no Python {version} on this machine, neither on the PATH nor from pyenv")


@functools.cache
def find(version: str) -> str:
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [*map(str, pyenv.glob(f"versions/{version}.*/bin/{name}")), shutil.which(name) or ""]
    return next((path for path in candidates if path and _answers(path, version)), "")


def _answers(path: str, version: str) -> bool:
    """A name on the PATH may be that of a launcher, for a version that is not there."""
    asked = subprocess.run([path, "-I", "-c", ASK], check=False, capture_output=True, text=True)
    return asked.returncode == 0 and asked.stdout.strip() == version
