"""Wipe the certificates and keys that were kept while a bundle was made: payload issue."""

from __future__ import annotations

import json
import sys
from typing import Any

from replicas.hostside import native_kept


def main(payload: dict[str, Any]) -> dict[str, object]:
    native_kept.forget(payload["issue"])
    return {"forgotten": payload["issue"]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
