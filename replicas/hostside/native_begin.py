"""Make room for the certificates and keys that are kept while a bundle is made: payload issue."""

import json
import os
import sys
from typing import Any, Dict

from replicas.hostside import native_kept


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    try:
        native_kept.begin(payload["issue"])
    except OSError as error:
        return {
            "error": f"{os.uname().nodename} has no room in {native_kept.FOLDER}: {error}.",
            "remedy": "Look at /run there.",
        }
    return {"begun": payload["issue"]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
