"""Certificates with their keys, kept in memory on the master from when they are issued until their bundle is sealed.

So whoever asks for the same one again gets the same one. They lie below /run/replica-portal/ISSUE (0700; files 0600),
one file for each label; ISSUE is a random word of the run. A lock lets one program at a time issue a label, and none
while somebody looks at what there is. Without the folder nothing is issued: what a worker sent before it was frozen may
arrive when others have long forgotten the issue.
"""

import contextlib
import fcntl
import json
import os
import shutil
from typing import Any, Dict, Iterator, Optional, Set

from replicas.hostside import files

FOLDER = "/run/replica-portal"


class Over(OSError):
    """Nothing is kept under this name: the issue has not begun, or it has been forgotten."""


def place(issue: str) -> str:
    """The folder of an issue."""
    if not issue.isalnum():
        raise ValueError("an issue is named by letters and digits")
    return os.path.join(FOLDER, issue)


def begin(issue: str) -> None:
    """Make room for an issue, unless it is there."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    os.makedirs(place(issue), mode=0o700, exist_ok=True)


@contextlib.contextmanager
def locked(issue: str, name: str, how: int) -> Iterator[None]:
    path = os.path.join(place(issue), f".{name}")
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise Over(f"the issue {issue} is over") from None
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def issuing(issue: str, label: str) -> Iterator[None]:
    """One program at a time for each label; others wait, and then find its answer."""
    with locked(issue, "lock", fcntl.LOCK_SH), locked(issue, f"{label}.lock", fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def settled(issue: str) -> Iterator[None]:
    """While nobody issues anything."""
    with locked(issue, "lock", fcntl.LOCK_EX):
        yield


def read(issue: str, label: str) -> Optional[Dict[str, Any]]:
    try:
        with open(os.path.join(place(issue), label), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except FileNotFoundError:
        return None


def write(issue: str, label: str, answer: Dict[str, object]) -> None:
    with files.replacing(os.path.join(place(issue), label), 0o600) as stream:
        stream.write(json.dumps(answer).encode())


def serials(issue: str) -> Set[int]:
    """Serial numbers of what is kept."""
    labels = [name for name in os.listdir(place(issue)) if not name.startswith(".")]
    answers = (read(issue, label) for label in labels)
    return {int(answer["serial"], 16) for answer in answers if answer}


def forget(issue: str) -> None:
    """Wipe it, as soon as nobody works in it; what is forgotten already is fine."""
    with contextlib.suppress(Over), settled(issue):
        shutil.rmtree(place(issue))
    with contextlib.suppress(OSError):  # that of another run may be beside it
        os.rmdir(FOLDER)
