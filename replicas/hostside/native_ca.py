"""What programs about a native realm's authority share: its index, its lock, its revocation list."""

import os
import shutil
import subprocess
from typing import Dict, Iterator, Optional, Set

FOLDER = "/var/lib/ipa/ca"
PUBLISHED = "/var/www/ipa/ipa/crl/MasterCRL.pem"


class Failed(Exception):
    """A program of the authority ended with an error."""


def private() -> None:
    """What a program rewrites, such as the authority's index and its counters."""
    os.umask(0o077)


def cannot(what: str, error: Exception) -> Dict[str, object]:
    """The answer of a program that could not do that."""
    return {
        "error": f"The authority on {os.uname().nodename} cannot {what}: {error}.",
        "remedy": f"Look at {FOLDER} there.",
    }


def run(*argv: str, input: Optional[bytes] = None, folder: str = FOLDER) -> bytes:
    done = subprocess.run(
        argv, input=input, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, preexec_fn=private
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise Failed(f"{argv[0]} ended with status {done.returncode}: {lines[-1] if lines else 'no output'}")
    return done.stdout


def authority(*arguments: str, input: Optional[bytes] = None) -> bytes:
    """Run openssl ca, one at a time: it rewrites its index."""
    return run("flock", "lock", "openssl", "ca", "-config", "openssl.cnf", *arguments, input=input)


def valid(names: Set[str]) -> Iterator[int]:
    """Serial numbers of certificates with these common names that have not been revoked."""
    return issued(names, "V")


def issued(names: Set[str], wanted: str) -> Iterator[int]:
    """Those in a state of the index: V (valid), R (revoked) or E (expired)."""
    with open(f"{FOLDER}/index.txt", encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 6:  # a comment, or an empty line
                continue
            state, serial, subject = fields[0], fields[3], fields[5]
            if state == wanted and subject.rpartition("/CN=")[2] in names:
                yield int(serial, 16)


def listed() -> Set[int]:
    """Serial numbers on the revocation list that clients get."""
    shown = run("openssl", "crl", "-in", PUBLISHED, "-noout", "-text").decode()
    return {int(line.partition(":")[2], 16) for line in shown.splitlines() if line.strip().startswith("Serial Number:")}


def publish() -> None:
    """Sign a new revocation list, and put it where clients get it."""
    authority("-gencrl", "-out", "crl.pem")
    os.makedirs(os.path.dirname(PUBLISHED), exist_ok=True)
    shutil.copyfile(f"{FOLDER}/crl.pem", f"{PUBLISHED}.new")
    os.chmod(f"{PUBLISHED}.new", 0o644)
    os.rename(f"{PUBLISHED}.new", PUBLISHED)
