"""Revoke what was issued to a host: payload names (common names), floor (least serial), issue (kept ones stay, or "").

Answers {"revoked": [serials, hex]}.
"""

import json
import sys
from typing import Any, Dict, List, Set

from replicas.hostside import native_ca, native_kept


def revoke(names: Set[str], floor: int, kept: Set[int]) -> List[str]:
    found = [f"{serial:X}" for serial in native_ca.valid(names) if serial >= floor and serial not in kept]
    for serial in found:
        native_ca.authority("-revoke", f"newcerts/{serial}.pem", "-crl_reason", "cessationOfOperation")
    # Also when there is nothing left to revoke: whoever did it may have been interrupted before the list was out.
    native_ca.publish()
    return found


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    names, floor, issue = set(payload["names"]), payload["floor"], payload["issue"]
    try:
        if not issue:
            return {"revoked": revoke(names, floor, set())}
        with native_kept.settled(issue):
            return {"revoked": revoke(names, floor, native_kept.serials(issue))}
    except (native_ca.Failed, OSError) as error:
        return native_ca.cannot("revoke a certificate", error)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
