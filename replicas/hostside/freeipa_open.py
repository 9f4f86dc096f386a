"""Open the bundle of a FreeIPA replica in memory, for the enrolment that follows at once.

Payload: path, sha256 (of the bundle that the run sealed), passphrase, host (as for unpack), target (new, on tmpfs below
/run). What an attempt before has left there is removed. Answers {"members": [names], "realm": {...}}.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from replicas.hostside import archive, files, unpack


def main(payload: dict[str, Any]) -> dict[str, object]:
    target = payload["target"]
    try:
        shutil.rmtree(target, ignore_errors=True)
        answer = unpack.unpack(
            payload["path"], payload["passphrase"], target, payload["host"], archive.Limits(), payload["sha256"]
        )
    except unpack.Refused as refused:
        shutil.rmtree(target, ignore_errors=True)
        return dict(refused.answer)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        return files.explain(str(error.filename or payload["path"]), 0, error)
    return answer


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
