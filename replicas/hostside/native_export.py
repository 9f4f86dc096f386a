"""Export the authority with its key as PKCS #12: answers {"p12", "pin"}; nothing is written here."""

import base64
import json
import os
import secrets
import subprocess
import sys
from typing import Dict

from replicas.hostside import native_ca


def main() -> Dict[str, object]:
    word = secrets.token_urlsafe(24)
    read, write = os.pipe()
    with os.fdopen(write, "w", encoding="ascii") as stream:
        stream.write(f"{word}\n")
    argv = [
        "openssl",
        "pkcs12",
        "-export",
        "-name",
        "caSigningCert",
        "-inkey",
        "private/ca.key",
        "-in",
        "ca.crt",
        "-passout",
        f"fd:{read}",
    ]
    done = subprocess.run(
        argv, cwd=native_ca.FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(read,), check=False
    )
    os.close(read)
    if done.returncode:
        return {
            "error": f"The authority on {os.uname().nodename} cannot be exported.",
            "remedy": f"Look at {native_ca.FOLDER}/private/ca.key there.",
        }
    return {"p12": base64.b64encode(done.stdout).decode(), "pin": word}


if __name__ == "__main__":
    sys.stdin.buffer.readline()
    print(json.dumps(main()))
