"""Questions to a host whose answers are lists: each program's output is read in its most exact form."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from replicas.hostside import names

if TYPE_CHECKING:
    from replicas.clients.host import Host

HOSTS, RESOLVER = "/etc/hosts", "/etc/resolv.conf"
ABSENT = "absent"
"""In the place of a state that systemd does not have for a unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's name, whether it starts with the host (`enabled`, `disabled`, ...), and its state (`active`, ...)."""

    name: str
    enabled: str
    state: str

    @property
    def active(self) -> bool:
        return self.state == "active"


async def addresses_of(host: Host, name: str, database: str = "ahosts") -> tuple[str, ...]:
    """The addresses that the host itself resolves the name to, in its order; none when it cannot. Raises HostError.

    Its name servers get some seconds only: getent would wait half a minute for those that do not answer.
    """
    shown = await host.run("env", f"RES_OPTIONS={names.LIMITS}", "getent", database, name, check=False)
    found = []
    for line in shown.text.splitlines():
        if words := line.split():
            found.append(address(words[0]))
    return tuple(dict.fromkeys(filter(None, found)))


def address(word: str) -> str:
    """Return an address in canonical form, without the interface that means something on its host only, or nothing."""
    try:
        return str(ip_address(word.partition("%")[0]))
    except ValueError:
        return ""


async def hosts_file(host: Host, name: str) -> dict[int, str]:
    """Return the lines of /etc/hosts that give the name an address, by their number (hosts(5)). Raises HostError."""
    text = (await host.run("cat", HOSTS, check=False)).text
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].lower().split()
        if name.lower() in words[1:]:
            found[number] = line.strip()
    return found


async def name_servers(host: Host) -> tuple[str, ...]:
    """Return the addresses that /etc/resolv.conf names, in its order (resolv.conf(5)). Raises HostError."""
    text = (await host.run("cat", RESOLVER, check=False)).text
    return tuple(names.servers_in(text.splitlines()))


def lines_with(lines: Mapping[int, str], addresses: Collection[str]) -> list[str]:
    """Return how to name those of the lines of /etc/hosts that have one of the addresses, however it is written."""
    found = []
    for number, line in lines.items():
        with contextlib.suppress(ValueError):
            if str(ip_address(line.split()[0].partition("%")[0])) in addresses:
                found.append(f'line {number} ("{line}")')
    return found


async def existing(host: Host, *paths: str) -> list[str]:
    """Those of the paths at which there is something, a dangling link included. Raises HostError."""
    if not paths:
        return []
    shown = await host.run("stat", "--printf=%n\\0", "--", *paths, check=False)
    return _names(shown.stdout)


async def find(host: Host, *where: str) -> list[str]:
    """The paths that find(1) finds with these arguments; places that do not exist hold nothing. Raises HostError."""
    return _names((await host.run("find", *where, "-print0", check=False)).stdout)


async def programs_missing(host: Host, programs: Sequence[str]) -> list[str]:
    """Those that are not on the path of root. Raises HostError."""
    script = 'for name do command -v "$name" >/dev/null || printf "%s\\n" "$name"; done'
    return (await host.run("sh", "-c", script, "sh", *programs, check=False)).text.splitlines()


async def units(host: Host, *names: str) -> list[Unit]:
    """The state of each unit, in the order of the names. Raises HostError."""
    properties = "--property=ActiveState,UnitFileState"
    shown = await host.run("systemctl", "show", properties, "--", *names)
    blocks = shown.text.rstrip("\n").split("\n\n")
    found = []
    for name, block in zip(names, blocks, strict=True):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found.append(Unit(name, facts.get("UnitFileState") or ABSENT, facts.get("ActiveState") or ABSENT))
    return found


def _names(output: bytes) -> list[str]:
    return [name.decode("utf-8", "surrogateescape") for name in output.split(b"\0") if name]
