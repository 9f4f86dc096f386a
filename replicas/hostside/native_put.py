"""Put files in place atomically: payload files, each with path, mode, owner (USER:GROUP) and content (base64)."""

import base64
import json
import os
import sys
from typing import Any, Dict

from replicas.hostside import files, write


def put(path: str, mode: int, owner: str, content: bytes) -> None:
    uid, gid = write.ids(owner)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if not write.unchanged(path, content, mode, uid, gid):
        with files.replacing(path, mode, uid, gid) as stream:
            stream.write(content)


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    for one in payload["files"]:
        content = base64.b64decode(one["content"])
        try:
            put(one["path"], one["mode"], one["owner"], content)
        except OSError as error:
            return files.explain(one["path"], len(content), error)
    return {"written": len(payload["files"])}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
