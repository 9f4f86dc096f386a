"""File systems without space: what is behind many an error that does not name it."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.clients.ssh import Host
from replicas.errors import PortalError, StepError
from replicas.lifecycle.base import Context
from replicas.together import together

FOLDERS = ("/var/lib/dirsrv", "/var/lib/ipa", "/var/lib", "/var/log", "/etc", "/run", "/tmp")  # noqa: S108 - looked at, and not used
LEAST_BYTES, LEAST_FILES = 1 << 20, 16
SECONDS = 10.0


async def full(host: Host) -> list[str]:
    """Mount points below which a server of the realm writes and that have no space, or no inodes (df(1))."""
    shown = await host.run(
        "df", "--block-size=1", "--output=avail,itotal,iavail,target", "--", *FOLDERS, check=False, timeout=SECONDS
    )
    found = []
    for line in shown.text.splitlines()[1:]:
        avail, inodes, free, target = line.split(maxsplit=3)
        # Some file systems have no fixed number of inodes, and say 0 or «-».
        counted = inodes.isdecimal() and int(inodes) > 0
        if (avail.isdecimal() and int(avail) < LEAST_BYTES) or (counted and int(free) < LEAST_FILES):
            found.append(target)
    return sorted(set(found))


async def explain(hosts: Iterable[Host]) -> str:
    """A sentence for each host that has no space somewhere; nothing of a host that does not answer."""
    return " ".join(filter(None, await together(*(_explain(host) for host in hosts))))


async def refuse(ctx: Context) -> None:
    """A server whose disk is full serves only until it has to write. Raises StepError."""
    replica = await ctx.host("replica")
    if folders := await full(replica):
        raise StepError(_sentence(replica, folders), "Free space there, then try again.")


async def _explain(host: Host) -> str:
    try:
        folders = await full(host)
    except PortalError:
        return ""
    return _sentence(host, folders) if folders else ""


def _sentence(host: Host, folders: list[str]) -> str:
    return f"No space is left in {', '.join(folders)} on {host.name}."
