"""Open a sealed bundle in memory: payload path, passphrase, target (new, on tmpfs below /run), host ("": any), limits.

Answers {"members": [names], "realm": {the section realm of realm_info}}. When it fails, nothing is left.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import IO, Dict, Iterator, NoReturn, Optional

from replicas.hostside import archive

GPG_SECONDS = 60
PIECE = 256 * 1024
MEMORY = "/run"
MAKE_ANOTHER = "Prepare the replica again for a new bundle."


class Refused(Exception):
    """An answer for the portal: `kind` is one of the portal's errors."""

    def __init__(self, kind: str, error: str, remedy: str) -> None:
        super().__init__(error)
        self.answer = {"kind": kind, "error": error, "remedy": remedy}


def in_memory(folder: str) -> bool:
    """Whether what is written to the folder never reaches a disk."""
    found, longest = "", -1
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, point, kind = line.split(" ")[:3]
            # Spaces and the like are written in octal (getmntent(3)).
            point = re.sub(r"\\([0-7]{3})", lambda one: chr(int(one.group(1), 8)), point)
            # As many characters or more: of two mounts on one point the later one is on top.
            if len(point) >= longest and (folder + "/").startswith(point.rstrip("/") + "/"):
                found, longest = kind, len(point)
    return found in ("tmpfs", "ramfs")


@contextlib.contextmanager
def home() -> Iterator[str]:
    """A GNUPGHOME of its own, so that neither root's keys nor its configuration matter."""
    folder = tempfile.mkdtemp(prefix="portal-gpg-", dir=MEMORY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def copy(path: str, into: IO[bytes], most: int) -> str:
    """The file as it is now, where nobody changes it any more; returns its SHA-256. Raises Refused if it is larger."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(PIECE), b""):
            digest.update(piece)
            into.write(piece)
            if into.tell() > most:
                bad(path, f"it has more than {most} bytes")
    into.seek(0)
    return digest.hexdigest()


def decrypt(path: str, sealed: IO[bytes], folder: str, passphrase: str, most: int) -> bytes:
    """The plain text of what was at `path`, of which no more than `most` bytes are ever read. Raises Refused.

    `folder` is gpg's home.
    """
    with tempfile.TemporaryFile(dir=folder) as status:
        secret = _pipe(passphrase.encode() + b"\n")
        argv = [
            "gpg",
            "--homedir",
            folder,
            "--batch",
            "--no-options",
            "--no-autostart",
            "--no-symkey-cache",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase-fd",
            str(secret),
            "--status-fd",
            str(status.fileno()),
            "--output",
            "-",
            "--decrypt",
        ]
        with subprocess.Popen(
            argv,
            stdin=sealed,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(secret, status.fileno()),
        ) as gpg:
            os.close(secret)
            plain = gpg.stdout.read(most + 1) if gpg.stdout else b""
            if len(plain) > most:
                gpg.kill()
                bad(path, f"it unpacks to more than {most} bytes")
            try:
                gpg.wait(GPG_SECONDS)
            except subprocess.TimeoutExpired:
                gpg.kill()
                bad(path, f"gpg does not come to an end within {GPG_SECONDS} s")
        status.seek(0)
        judge(path, status.read().decode("utf-8", "replace"), gpg.returncode)
    return plain


def _pipe(content: bytes) -> int:
    """A file descriptor to read a secret from, at most PIPE_BUF bytes long, so that writing it never blocks."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as stream:
        stream.write(content)
    return read


def judge(path: str, status: str, code: int) -> None:
    """Raise Refused unless gpg decrypted the whole file and found it untouched (GnuPG's doc/DETAILS, status lines)."""
    words = {line.split()[1]: line for line in status.splitlines() if line.startswith("[GNUPG:] ")}
    if "BAD_PASSPHRASE" in words.get("ERROR", ""):
        raise Refused(
            "WrongPassword",
            f"The password does not open {path}.",
            "Give the password that the bundle was sealed with: the one of the master at that time.",
        )
    if code == 0 and "DECRYPTION_OKAY" in words and "BADMDC" not in words:
        return
    if "NODATA" in words and "BEGIN_DECRYPTION" not in words:
        bad(path, "it is not an OpenPGP file")
    if "NEED_PASSPHRASE_SYM" not in words:
        bad(path, "it was not sealed with a password")
    bad(path, "it is truncated or damaged")


def bad(path: str, why: str) -> NoReturn:
    raise Refused("BundleError", f"{path} on {os.uname().nodename} is not a usable bundle: {why}.", MAKE_ANOTHER)


def check_host(path: str, realm: Dict[str, str], host: str) -> None:
    made_for = realm.get("destination_host", "")
    if host and made_for != host:
        raise Refused(
            "BundleError",
            f"{path} was made for {made_for or 'no host'}, not for {host}.",
            f"Prepare a bundle for {host}; on a machine with several names, allow the other name with a reason.",
        )


def unpack(
    path: str, passphrase: str, target: str, host: str, limits: archive.Limits, sha256: Optional[str] = None
) -> Dict[str, object]:
    """Raises Refused, also unless the file has that digest, if one is given. What is compared is what is opened."""
    target = os.path.normpath(target)
    if not target.startswith(f"{MEMORY}/") or not in_memory(os.path.realpath(os.path.dirname(target))):
        raise Refused("StepError", f"{target} is not in memory.", f"Mount a tmpfs on {MEMORY}.")
    if not os.path.isfile(path):
        raise Refused("BundleError", f"There is no bundle {path} on {os.uname().nodename}.", "Transfer it again.")
    # Each member comes with a header and padding, each at most two blocks with its extended header's.
    most = limits.total + (limits.members + 20) * 4 * archive.BLOCK
    with home() as folder, tempfile.TemporaryFile(dir=folder) as sealed:
        found = copy(path, sealed, most + PIECE)  # what cannot be compressed becomes a little larger
        plain = decrypt(path, sealed, folder, passphrase, most)
    try:
        content = dict(archive.members(io.BytesIO(plain), limits))
        realm = archive.describe(content.get("realm_info", b""))
        check_host(path, realm, host)
        check_sealed(path, sha256, found)
        return {"members": archive.extract(io.BytesIO(plain), target, limits), "realm": realm}
    except archive.BadBundle as error:
        bad(path, str(error))


def check_sealed(path: str, sha256: Optional[str], found: str) -> None:
    """Asked last: the others know better causes."""
    if sha256 is not None and found != sha256:
        raise Refused(
            "BundleError",
            f"{path} on {os.uname().nodename} is not the bundle that was sealed: its SHA-256 is {found}, not {sha256}.",
            "Find out who changed it, then try again: the sealed one is transferred anew.",
        )


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    limits = archive.Limits(**payload.get("limits", {}))
    try:
        answer = unpack(payload["path"], payload["passphrase"], payload["target"], payload["host"], limits)
    except Refused as refused:
        answer = dict(refused.answer)
    except FileExistsError:
        answer = {
            "error": f"{payload['target']} is there already.",
            "remedy": "See whether another attempt is at work on this host, and try again when it has ended.",
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
