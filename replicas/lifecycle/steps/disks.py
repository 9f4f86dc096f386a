"""File systems without space: what is behind many an error that does not name it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from replicas.clients.ssh import Host
from replicas.errors import PortalError, StepError
from replicas.lifecycle.base import Context
from replicas.together import together

FOLDERS = ("/var/lib/dirsrv", "/var/lib/ipa", "/var/lib", "/var/log", "/etc", "/run", "/tmp")  # noqa: S108 - looked at, and not used
LEAST_BYTES, LEAST_FILES = 8 << 20, 16
"""389-DS stops by itself below 2 MiB (nsslapd-disk-monitoring-threshold), and any log or journal takes as much."""
SCARCE_BYTES, SCARCE_PART = 256 << 20, 0.05
"""A Directory Server that ends for want of space leaves as much behind, and needs more than that to start."""
SECONDS = 10.0
COLUMNS = "size,avail,itotal,iavail,target"


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Where it is mounted, and in bytes what is free of how much; None for numbers that it does not say."""

    target: str
    size: int | None
    avail: int | None
    inodes_left: int | None

    @property
    def full(self) -> bool:
        files = self.inodes_left is not None and self.inodes_left < LEAST_FILES
        return files or (self.avail is not None and self.avail < LEAST_BYTES)

    @property
    def scarce(self) -> bool:
        if self.size is None or self.avail is None:
            return self.full
        return self.full or self.avail < min(SCARCE_BYTES, SCARCE_PART * self.size)

    def __str__(self) -> str:
        return self.target if self.full else f"{self.target} ({(self.avail or 0) >> 20} MiB)"


async def seen(host: Host) -> list[FileSystem]:
    """Those below which a server of the realm writes (df(1)). Raises HostError."""
    options = ("--block-size=1", f"--output={COLUMNS}", "--", *FOLDERS)
    shown = await host.run("df", *options, check=False, timeout=SECONDS)
    found = {one.target: one for one in _read(shown.text)}
    return [found[target] for target in sorted(found)]


def _read(text: str) -> Iterator[FileSystem]:
    for line in text.splitlines()[1:]:
        words = line.split(maxsplit=4)
        if len(words) < 5:  # the rest of a name with a line break
            continue
        size, avail, inodes, left, target = words
        # Some have no fixed number of inodes, and say 0 or «-».
        counted = inodes.isdecimal() and int(inodes) > 0
        yield FileSystem(target, _number(size), _number(avail), _number(left) if counted else None)


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() else None


async def explain(hosts: Iterable[Host]) -> str:
    """A sentence for each host that has hardly any space somewhere; nothing of a host that does not answer."""
    return " ".join(filter(None, await together(*(_explain(host) for host in hosts))))


async def refuse(ctx: Context) -> None:
    """A server whose disk is full serves only until it has to write. Raises StepError, HostError."""
    replica = await ctx.host("replica")
    if full := [one for one in await seen(replica) if one.full]:
        raise StepError(_sentence(replica, full), "Free space there, then try again.")


async def _explain(host: Host) -> str:
    try:
        scarce = [one for one in await seen(host) if one.scarce]
    except PortalError:
        return ""
    return _sentence(host, scarce) if scarce else ""


def _sentence(host: Host, which: list[FileSystem]) -> str:
    much = "No" if any(one.full for one in which) else "Hardly any"
    return f"{much} space is left in {', '.join(map(str, which))} on {host.name}."
