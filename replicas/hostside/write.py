"""Put a file in place atomically: payload path, mode, owner (USER:GROUP) and size, then the content."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import sys
import tempfile
from typing import BinaryIO


def unchanged(path: str, content: bytes, mode: int, uid: int, gid: int) -> bool:
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(facts.st_mode) or facts.st_size != len(content):
        return False
    if (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid) != (mode, uid, gid):
        return False
    with open(path, "rb") as stream:
        return stream.read() == content


def ids(owner: str) -> tuple[int, int]:
    import grp
    import pwd

    user, _, group = owner.partition(":")
    entry = pwd.getpwnam(user)
    return entry.pw_uid, grp.getgrnam(group).gr_gid if group else entry.pw_gid


def replace(path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Write beside the target, then rename over it; whatever fails leaves the target as it was."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".portal-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def explain(path: str, size: int, error: OSError) -> dict[str, str]:
    folder, host = os.path.dirname(path), os.uname().nodename
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(folder).free
        return {
            "error": f"No space left in {folder} on {host}: {size} bytes are needed, {free} are free.",
            "remedy": f"Free space in {folder} on {host}, then try again.",
        }
    return {"error": f"{path} on {host} cannot be written: {error.strerror}.", "remedy": f"Look at {folder} on {host}."}


def main(stdin: BinaryIO) -> dict[str, object]:
    payload = json.loads(stdin.readline())
    path, mode, size = payload["path"], payload["mode"], payload["size"]
    content = stdin.read(size)
    if len(content) != size:
        return {"error": f"Only {len(content)} of {size} bytes for {path} arrived.", "remedy": "Try again."}
    try:
        uid, gid = ids(payload["owner"])
    except KeyError:
        return {"error": f"There is no {payload['owner']} on {os.uname().nodename}."}
    try:
        if unchanged(path, content, mode, uid, gid):
            return {"changed": False}
        replace(path, content, mode, uid, gid)
    except OSError as error:
        return dict(explain(path, size, error))
    return {"changed": True}


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.buffer)))
