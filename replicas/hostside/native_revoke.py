"""Revoke what was issued to a host: payload names (common names), floor (least serial), keep (serials, hex)."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from replicas.hostside import native_ca


def main(payload: dict[str, Any]) -> dict[str, object]:
    keep = {int(serial, 16) for serial in payload["keep"]}
    try:
        found = [serial for serial in native_ca.valid(set(payload["names"])) if serial >= payload["floor"]]
        revoked = [f"{serial:X}" for serial in found if serial not in keep]
        for serial in revoked:
            native_ca.authority("-revoke", f"newcerts/{serial}.pem", "-crl_reason", "cessationOfOperation")
        # Also when there is nothing left to revoke: whoever did it may have been interrupted before the list was out.
        native_ca.publish()
    except (native_ca.Failed, OSError) as error:
        return {
            "error": f"The authority on {os.uname().nodename} cannot revoke a certificate: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there.",
        }
    return {"revoked": revoked}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
