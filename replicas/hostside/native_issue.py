"""Issue a certificate: payload host, subject, label. Answers {"p12", "pin", "serial"}; the key stays nowhere here."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import tempfile
from typing import Any

from replicas.hostside import native_ca


def issue(folder: str, host: str, subject: str, label: str) -> dict[str, object]:
    """Key and request are made in a folder in memory that only root can enter."""
    key, request, certificate, pin = (os.path.join(folder, name) for name in ("key", "request", "certificate", "pin"))
    word = secrets.token_urlsafe(24)
    with open(pin, "w", encoding="ascii") as stream:
        stream.write(word)
    native_ca.run(
        "openssl",
        "req",
        "-new",
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


def main(payload: dict[str, Any]) -> dict[str, object]:
    try:
        with tempfile.TemporaryDirectory(prefix="portal-issue-", dir="/run") as folder:
            return issue(folder, payload["host"], payload["subject"], payload["label"])
    except (native_ca.Failed, OSError) as error:
        where = f"The authority on {os.uname().nodename}"
        return {
            "error": f"{where} cannot issue a certificate for {payload['host']}: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there: its key, its index, and free space.",
        }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
