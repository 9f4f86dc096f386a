"""Put a file in place atomically: payload path, mode, owner (USER:GROUP) and size, then the content."""

import grp
import json
import os
import pwd
import stat
import sys
from typing import BinaryIO, Dict, Tuple

from replicas.hostside import files


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


def ids(owner: str) -> Tuple[int, int]:
    user, _, group = owner.partition(":")
    entry = pwd.getpwnam(user)
    return entry.pw_uid, grp.getgrnam(group).gr_gid if group else entry.pw_gid


def main(stdin: BinaryIO) -> Dict[str, object]:
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
        with files.replacing(path, mode, uid, gid) as stream:
            stream.write(content)
    except OSError as error:
        return files.explain(path, size, error)
    return {"changed": True}


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.buffer)))
