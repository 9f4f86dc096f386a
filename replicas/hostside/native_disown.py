"""Revoke what another authority of the realm issued: payload known, [{"serial": hex, "subject": "/O=.../CN=..."}].

Such a certificate is in no file here, and perhaps not in the index; what counts is the list. Answers
{"revoked": [hex]}.
"""

import fcntl
import json
import os
import sys
import time
from typing import Any, Dict, List

from replicas.hostside import native_ca

UNKNOWN_END = "491231235959Z"
"""Of a certificate that is not at hand: no list says it."""


def disown(known: List[Dict[str, str]]) -> List[str]:
    """Mark them as revoked in the index, with nobody else at it, and publish the list."""
    native_ca.private()
    with open(f"{native_ca.FOLDER}/lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = f"{native_ca.FOLDER}/index.txt"
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        with open(f"{path}.disowned", "w", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in marked(lines, known)))
        os.rename(f"{path}.disowned", path)
    native_ca.publish()
    return [one["serial"] for one in known]


def marked(lines: List[str], known: List[Dict[str, str]]) -> List[str]:
    """The lines of an index with the known serial numbers revoked; one that is revoked or expired stays as it is."""
    now = time.strftime("%y%m%d%H%M%SZ", time.gmtime())
    wanted = {int(one["serial"], 16): one["subject"] for one in known}
    found = []
    for line in lines:
        fields = line.split("\t")
        # Comments and empty lines stay as they are.
        if len(fields) > 5 and wanted.pop(int(fields[3], 16), None) is not None and fields[0] == "V":
            fields[0], fields[2] = "R", f"{now},cessationOfOperation"
        found.append("\t".join(fields))
    for serial, subject in sorted(wanted.items()):
        number = f"{serial:X}"
        # OpenSSL wants whole bytes.
        number = number if len(number) % 2 == 0 else f"0{number}"
        found.append("\t".join(("R", UNKNOWN_END, f"{now},cessationOfOperation", number, "unknown", subject)))
    return found


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    try:
        return {"revoked": disown(payload["known"])}
    except (native_ca.Failed, OSError) as error:
        return native_ca.cannot("revoke a certificate", error)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
