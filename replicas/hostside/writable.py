"""Tell what would keep files from being written, without writing any.

Payload: paths (files that are replaced, or folders in which files are made), existing (folders that have to exist).
Answers {"problems": [{"path", "place", "problem"}]}: the path that was asked for, and what is wrong with which place.
"""

import array
import fcntl
import json
import os
import re
import stat
import sys
from typing import Any, Dict, Iterator, Set, Tuple

GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS on 64 bits
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
LEAST_BYTES, LEAST_FILES = 1 << 20, 16


def problems(path: str, mounts: Set[str]) -> Iterator[Tuple[str, str]]:
    """Yield places and what is wrong with each."""
    folder = path
    if not os.path.isdir(path):
        folder = os.path.dirname(path)
        yield from of_file(path, mounts)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        yield folder, "it is not a folder"
        return
    yield from of_folder(folder)


def of_file(path: str, mounts: Set[str]) -> Iterator[Tuple[str, str]]:
    """What keeps a file from being replaced by another one of its name."""
    if path in mounts:
        yield path, "it is a mount point, which cannot be replaced"
    elif os.path.isfile(path):
        yield from of_flags(path)


def of_folder(folder: str) -> Iterator[Tuple[str, str]]:
    """What keeps new files from being made in a folder."""
    facts = os.statvfs(folder)
    if facts.f_flag & os.ST_RDONLY:
        yield folder, "its file system is mounted read-only"
        return
    yield from of_flags(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield folder, "root may not write there"
    if facts.f_bavail * facts.f_frsize < LEAST_BYTES:
        yield folder, "its file system has no space left"
    # Some file systems have no fixed number of inodes, and say 0.
    if facts.f_files and facts.f_favail < LEAST_FILES:
        yield folder, "its file system has no inodes left"


def of_flags(path: str) -> Iterator[Tuple[str, str]]:
    flags = attributes(path)
    if flags & IMMUTABLE:
        yield path, "it is immutable (lsattr shows i)"
    elif flags & APPEND_ONLY:
        yield path, "it is append-only (lsattr shows a)"


def attributes(path: str) -> int:
    """The attributes of a file or folder; 0 where its file system has none."""
    # Anything else, such as a pipe, could block or be changed by being opened.
    if not (stat.S_ISREG(os.stat(path).st_mode) or os.path.isdir(path)):
        return 0
    # The kernel writes an int, whatever the size that the name of the call has.
    found = array.array("i", [0, 0])
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(handle, GET_FLAGS, found, True)
        finally:
            os.close(handle)
    except OSError:
        return 0
    return found[0]


def mount_points() -> Set[str]:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as lines:
        points = [line.split(" ")[1] for line in lines if " " in line]
    return {re.sub(r"\\([0-7]{3})", lambda one: chr(int(one.group(1), 8)), point) for point in points}


def main(payload: Dict[str, Any]) -> Dict[str, Any]:
    mounts = mount_points()
    found = [
        {"path": path, "place": place, "problem": problem}
        for path in payload["paths"]
        for place, problem in problems(path, mounts)
    ]
    found += [
        {"path": path, "place": path, "problem": "it does not exist"}
        for path in payload["existing"]
        if not os.path.lexists(path)
    ]
    return {"problems": found}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
