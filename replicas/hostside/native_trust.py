"""Trust an authority system-wide, or stop it: payload pem (empty: remove it). Answers {"trusted": path or ""}."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import Any, Dict

from replicas.hostside import files, native_put

SOURCE = "/usr/local/share/ca-certificates/ipa-ca.crt"
STORE = "/etc/ssl/certs"
LINK = f"{STORE}/ipa-ca.pem"


def trust(pem: str) -> None:
    native_put.put(SOURCE, 0o644, "root:root", pem.encode("utf-8"))
    if not shutil.which("update-ca-certificates"):
        os.makedirs(STORE, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.symlink(SOURCE, LINK)
    rehash()


def distrust() -> None:
    for path in (SOURCE, LINK):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    rehash()


def rehash() -> None:
    """A host without the package ca-certificates has OpenSSL's own store all the same."""
    if shutil.which("update-ca-certificates"):
        subprocess.run(["update-ca-certificates"], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    elif os.path.isdir(STORE):
        subprocess.run(["openssl", "rehash", STORE], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    pem = payload["pem"]
    try:
        trust(pem) if pem else distrust()
    except subprocess.CalledProcessError as error:
        return {"error": f"{error.cmd[0]} on {os.uname().nodename} ended with {error.returncode}."}
    except OSError as error:
        return files.explain(SOURCE, len(pem), error)
    return {"trusted": SOURCE if pem else ""}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
