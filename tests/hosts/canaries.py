"""Canary secrets: where they were planted, and looking for them wherever anything is written, said or shown."""

from __future__ import annotations

import base64
import lzma
import os
import re
import secrets
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from lab import Host, Lab

ZEROS = re.compile(rb"\0{64,}")
COLOURS = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
SAMPLE_SECONDS = 0.04
IN_MEMORY = ("run", "tmp", "dev/shm")  # noqa: S108 - below a host's root
MARK = "canary"
AWKWARD = "'\"\\ $&<é%+"
"""What quoting, JSON, URLs and XML write in ways of their own."""


@dataclass(frozen=True, order=True)
class Hit:
    """A secret (by name) and where it was found."""

    name: str
    where: str


@dataclass
class Canaries:
    """Secrets by name, and looking for them without the product's own idea of how a secret may look."""

    planted: dict[str, str | bytes] = field(default_factory=dict)

    def plant(self, name: str) -> str:
        """A new one, to be typed somewhere: whatever is done to the middle, its two ends stay recognisable."""
        made = self.planted[name] = AWKWARD.join(f"{MARK}{secrets.token_hex(8)}" for _ in range(2))
        return made

    def search(self, where: str, content: bytes | str) -> list[Hit]:
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else ZEROS.sub(b"\0", content)
        views, marked = {raw, squeezed(raw)}, None
        hits = []
        for name, secret in self.planted.items():
            if isinstance(secret, str) and secret.startswith(MARK):
                marked = found(views, MARK) if marked is None else marked
                if not marked:  # so none of them is there: hundreds of searches less
                    continue
            if found(views, secret):
                hits.append(Hit(name, where))
        return hits

    def search_all(self, contents: Iterable[tuple[str, bytes | str]]) -> list[Hit]:
        return sorted({hit for where, content in contents for hit in self.search(where, content)})


def squeezed(raw: bytes) -> bytes:
    """In one line: without colours and blanks, and without line breaks that are written as such."""
    one = (COLOURS.sub(b"", raw) if b"\x1b" in raw else raw).translate(None, b" \t\r\n\v\f")
    for written in (rb"\n", rb"\r", rb"\t"):
        one = one.replace(written, b"")
    return one


def found(views: Iterable[bytes], secret: str | bytes) -> bool:
    """Whether one of the views has an end of the secret, or all of it, in any guise."""
    raw = secret.encode() if isinstance(secret, str) else secret
    parts = raw.split(AWKWARD.encode())
    return any(guise in view for part in parts for guise in guises(part) for view in views)


@cache
def guises(part: bytes) -> frozenset[bytes]:
    """As it is, as UTF-16, in hexadecimal, and in the middle of something in Base64, at each of three positions."""
    wide = part.decode("latin-1").encode("utf-16-le")
    octets = {part.hex(), *(part.hex(between) for between in ": -")}
    hexadecimal = {text.encode() for text in octets} | {text.upper().encode() for text in octets}
    aligned = {
        encode(b"\0" * before + part)[-(-before * 8 // 6) : (before + len(part)) * 8 // 6]
        for before in range(3)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
    }
    return frozenset({part, wide, *hexadecimal, *aligned})


def seed(key: Path) -> bytes:
    """What makes an Ed25519 key private."""
    private = load_ssh_private_key(key.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    return private.private_bytes_raw()


def tsig(master: Host) -> bytes:
    found = re.search(r'secret "([^"]+)"', master.read("/etc/bind/ipa.key"))
    assert found
    return base64.b64decode(found[1])


class Sampler(threading.Thread):
    """Command lines and environments of all processes of the machine, the hosts' too, many times a second.

    Bundles are taken along while they are there, for what is inside.
    """

    def __init__(self, hosts: Iterable[Host]) -> None:
        super().__init__(daemon=True)
        self.seen: dict[bytes, str] = {}
        self.bundles: set[bytes] = set()
        self.pauses: list[float] = []
        self._folders = [host.root / "var/lib/ipa" for host in hosts]
        self._done = threading.Event()

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)  # others work the machine hard meanwhile
        last = time.monotonic()
        while not self._done.is_set():
            self._sample()
            now = time.monotonic()
            self._done.wait(max(0, last + SAMPLE_SECONDS - now))
            self.pauses.append(time.monotonic() - last)
            last = time.monotonic()

    def _sample(self) -> None:
        for process in filter(str.isdigit, os.listdir("/proc")):
            for name in ("cmdline", "environ"):
                content = read(Path("/proc", process, name))
                if content not in self.seen:
                    self.seen[content] = f"/proc/{process}/{name}"
        for folder in self._folders:
            self.bundles |= {read(path) for path in folder.glob("*.gpg")}


def read(path: Path) -> bytes:
    """What is there; nothing, when it is gone by now."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


Snapshot = Mapping[Path, tuple[int, ...]]


def snapshot(lab: Lab) -> Snapshot:
    """Every file that the lab's hosts have written since they were made: the upper layers, and what is in memory."""
    found = {}
    for host in lab.hosts:
        for folder in (host.upper, *(Path(f"/proc/{host.leader}/root/{name}") for name in IN_MEMORY)):
            for path in files(folder):
                facts = path.lstat()
                found[path] = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return found


def files(folder: Path) -> Iterator[Path]:
    for where, _folders, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path
            except FileNotFoundError:
                continue


def written(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, bytes]]:
    """What is new or changed, by path; the bundles aside."""
    for path, facts in after.items():
        if before.get(path) != facts and path.suffix != ".gpg":
            yield str(path), read(path)


def unpacked(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Chunks of old logs in the portal's database, of which nothing can be read as they are."""
    with tempfile.TemporaryDirectory() as copy, closing(sqlite3.connect(f"{copy}/portal.sqlite3")) as database:
        subprocess.run(["cp", *folder.glob("portal.sqlite3*"), copy], check=True)
        for number, chunk in database.execute("SELECT id, content FROM replicas_logchunk"):
            yield f"chunk {number}", lzma.decompress(chunk)


def copied(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files of a running portal, read by another process: closing the database here would drop its locks."""
    for path in files(folder):
        yield str(path), subprocess.run(["cat", path], check=True, capture_output=True).stdout


def journals(lab: Lab) -> Iterator[tuple[str, bytes]]:
    for host in lab.hosts:
        yield f"journal of {host.name}", host.run(["journalctl", "--all", "--output=export"]).stdout
