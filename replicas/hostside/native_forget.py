"""Wipe the certificates and keys that were kept while a bundle was made: payload issue."""

import json
import sys
from typing import Any, Dict

from replicas.hostside import native_kept


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    native_kept.forget(payload["issue"])
    return {"forgotten": payload["issue"]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
