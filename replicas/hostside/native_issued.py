"""What is valid of the certificates issued to a host: payload names (common names), floor (least serial).

Answers {"valid": [...], "unlisted": [...]} (serials, hex); unlisted ones are revoked, and clients cannot know it.
"""

import json
import os
import sys
from typing import Any, Dict

from replicas.hostside import native_ca


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    names, floor = set(payload["names"]), payload["floor"]
    try:
        valid = [serial for serial in native_ca.valid(names) if serial >= floor]
        revoked = {serial for serial in native_ca.issued(names, "R") if serial >= floor}
        unlisted = sorted(revoked - native_ca.listed()) if revoked else []
    except (native_ca.Failed, OSError) as error:
        return {
            "error": f"The index of the authority on {os.uname().nodename} cannot be read: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there.",
        }
    return {"valid": [f"{serial:X}" for serial in valid], "unlisted": [f"{serial:X}" for serial in unlisted]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
