"""Open a bundle in memory, put its files in place, and wipe it, in one process that nobody has to come back to.

Payload: path, sha256 (of the bundle that the run sealed), passphrase, host (as for unpack), then `files` (member, path,
mode, owner), `pairs` (package, pin, certificate, key: PKCS #12 turned into PEM files) and `directory` (null, or what
native_directory wants).
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Dict, Iterator, Tuple

from replicas.hostside import archive, files, ldif, native_directory, native_put, unpack


@contextlib.contextmanager
def opened(payload: Dict[str, Any]) -> Iterator[Tuple[str, Dict[str, object]]]:
    parent = tempfile.mkdtemp(prefix="portal-bundle-", dir="/run")
    try:
        folder = os.path.join(parent, archive.FOLDER)
        answer = unpack.unpack(
            payload["path"], payload["passphrase"], folder, payload["host"], archive.Limits(), payload["sha256"]
        )
        yield folder, answer
    finally:
        shutil.rmtree(parent)


def place(folder: str, one: Dict[str, Any]) -> None:
    with open(os.path.join(folder, one["member"]), "rb") as stream:
        native_put.put(one["path"], one["mode"], one["owner"], stream.read())


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def split(folder: str, one: Dict[str, Any]) -> None:
    """A PKCS #12 package as a certificate and a key; the key is 0600 root."""
    package, pin = (os.path.join(folder, one[name]) for name in ("package", "pin"))
    base = ["pkcs12", "-in", package, "-passin", f"file:{pin}", "-nodes"]
    certificate, key = openssl(*base, "-nokeys", "-clcerts"), openssl(*base, "-nocerts")
    os.makedirs(os.path.dirname(one["key"]), mode=0o700, exist_ok=True)
    native_put.put(one["certificate"], 0o644, "root:root", certificate)
    native_put.put(one["key"], 0o600, "root:root", key)


def main(payload: Dict[str, Any]) -> Dict[str, object]:
    try:
        with opened(payload) as (folder, answer):
            for one in payload.get("files", []):
                place(folder, one)
            for one in payload.get("pairs", []):
                split(folder, one)
            if payload.get("directory"):
                native_directory.install(folder, payload["directory"])
    except unpack.Refused as refused:
        return dict(refused.answer)
    except FileNotFoundError as error:
        return {
            "kind": "BundleError",
            "error": f"{payload['path']} lacks {os.path.basename(str(error.filename))}.",
            "remedy": unpack.MAKE_ANOTHER,
        }
    except subprocess.CalledProcessError as error:
        last = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines() or ["no output"]
        return {"error": f"{error.cmd[0]} on {os.uname().nodename} ended with {error.returncode}: {last[-1]}"}
    except ldif.Malformed as error:
        path = f"{payload['directory']['folder']}/dse.ldif"
        return {"error": f"{path} on {os.uname().nodename} is not the configuration of a Directory Server: {error}."}
    except OSError as error:
        return files.explain(str(error.filename or payload["path"]), 0, error)
    return answer


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
