"""What is valid of the certificates issued to a host: payload names (common names), floor (least serial).

Answers {"valid": [...], "unlisted": [...]} (serials, hex); unlisted ones are revoked, and clients cannot know it. With
`listed` in the payload, "listed" has everything that is on the published list.
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
        on_list = native_ca.listed() if revoked or payload.get("listed") else set()
        unlisted = sorted(revoked - on_list)
    except (native_ca.Failed, OSError) as error:
        return {
            "error": f"The index of the authority on {os.uname().nodename} cannot be read: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there.",
        }
    found = {"valid": valid, "unlisted": unlisted, "listed": sorted(on_list) if payload.get("listed") else []}
    return {name: [f"{serial:X}" for serial in serials] for name, serials in found.items()}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
