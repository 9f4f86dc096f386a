"""Receive a file in pieces: payload path, size, sha256; prints {"received"} for each piece, at last {"path"}."""

import hashlib
import json
import os
import shutil
import sys
from typing import BinaryIO, Dict

from replicas.hostside import files

PIECE = 256 * 1024


class Incomplete(Exception):
    """What arrived is not what was announced."""


def copy(stdin: BinaryIO, target: BinaryIO, size: int, sha256: str) -> None:
    digest, received = hashlib.sha256(), 0
    while received < size:
        piece = stdin.read(min(PIECE, size - received))
        if not piece:
            raise Incomplete(f"only {received} of {size} bytes arrived")
        target.write(piece)
        digest.update(piece)
        received += len(piece)
        print(json.dumps({"received": received}), flush=True)
    if digest.hexdigest() != sha256:
        raise Incomplete(f"its SHA-256 is {digest.hexdigest()}, not {sha256}")


def main(stdin: BinaryIO) -> Dict[str, object]:
    payload = json.loads(stdin.readline())
    path, size = payload["path"], payload["size"]
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if shutil.disk_usage(folder).free < size:
            return files.full(path, size)
        with files.replacing(path, 0o600) as target:
            copy(stdin, target, size, payload["sha256"])
    except Incomplete as error:
        return {"error": f"{path} did not arrive whole on {os.uname().nodename}: {error}.", "remedy": "Try again."}
    except OSError as error:
        return files.explain(path, size, error)
    return {"path": path}


if __name__ == "__main__":
    print(json.dumps(main(sys.stdin.buffer)), flush=True)
