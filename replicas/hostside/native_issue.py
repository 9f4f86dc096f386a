"""Issue a certificate: payload issue, host, subject, label. Answers {"p12", "pin", "serial"}.

Asked again with the same issue and label, it waits for whoever is at it, and gives the same answer (native_kept.py). It
goes on when the connection that started it ends.
"""

import base64
import json
import os
import secrets
import signal
import sys
import tempfile
from typing import Any, Dict

from replicas.hostside import native_ca, native_kept


def issue(folder: str, host: str, subject: str, label: str) -> Dict[str, object]:
    """Key and request are made in a folder in memory that only root can enter, and wiped with it."""
    key, request, certificate, pin = (os.path.join(folder, name) for name in ("key", "request", "certificate", "pin"))
    word = secrets.token_urlsafe(24)
    with open(pin, "w", encoding="ascii") as stream:
        stream.write(word)
    native_ca.run(
        "openssl",
        "req",
        "-new",
        "-utf8",
        "-config",
        "openssl.cnf",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        request,
        "-subj",
        subject,
        "-addext",
        f"subjectAltName=DNS:{host}",
    )
    native_ca.authority("-batch", "-notext", "-in", request, "-out", certificate)
    serial = native_ca.run("openssl", "x509", "-in", certificate, "-noout", "-serial").decode().strip().partition("=")
    package = native_ca.run(
        "openssl",
        "pkcs12",
        "-export",
        "-name",
        label,
        "-inkey",
        key,
        "-in",
        certificate,
        "-certfile",
        "ca.crt",
        "-passout",
        f"file:{pin}",
    )
    return {"p12": base64.b64encode(package).decode(), "pin": word, "serial": serial[2]}


def once(payload: Dict[str, Any]) -> Dict[str, object]:
    with native_kept.issuing(payload["issue"], payload["label"]):
        answer = native_kept.read(payload["issue"], payload["label"])
        if answer is None:
            with tempfile.TemporaryDirectory(prefix="portal-issue-", dir="/run") as folder:
                answer = issue(folder, payload["host"], payload["subject"], payload["label"])
            native_kept.write(payload["issue"], payload["label"], answer)
    return answer


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return once(payload)
    except (native_ca.Failed, OSError) as error:
        where = f"The authority on {os.uname().nodename}"
        return {
            "error": f"{where} cannot issue a certificate for {payload['host']}: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there: its key, its index, and free space.",
        }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
