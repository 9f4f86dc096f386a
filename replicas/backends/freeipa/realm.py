"""What a realm says of itself, read over a session: facts, servers, roles, topology."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.clients.freeipa.session import Session
from replicas.errors import StepError

FACTS = ("version", "fips_mode", "realm", "domain", "host", "basedn", "api_version")
"""Of the command `env`."""
OLDEST = (4, 9)
PROMOTION = 1
"""The domain level from which on replicas are promoted clients."""
ENABLED = "enabled"
ROLES = {
    "ca_server_server": "CA",
    "kra_server_server": "KRA",
    "dns_server_server": "DNS",
}
"""Attributes of `config_show` that list the servers of a role; it does not tell of trust controllers."""
TRUST = "AD trust controller"


@dataclass(frozen=True, slots=True)
class Segment:
    """A two-way agreement between two servers, of one suffix (`domain` or `ca`)."""

    suffix: str
    name: str
    left: str
    right: str

    def joins(self, server: str) -> bool:
        return server in (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the realm: its enabled roles, the suffixes that it replicates, and its DNS location if it has one."""

    name: str
    roles: tuple[str, ...]
    suffixes: tuple[str, ...]
    location: str = ""

    @property
    def serves(self) -> bool:
        """Whether it was installed to its end: services stay merely configured until then."""
        return "IPA master" in self.roles


async def facts(session: Session) -> dict[str, Any]:
    """`env` of the server. Raises FreeIpaError."""
    return dict((await session.call("env", *FACTS, server=True)).value)


async def require_served(session: Session, known: Mapping[str, Any]) -> int:
    """The domain level. Raises StepError for a release or a level that this backend does not serve."""
    host, version = session.server, str(known["version"])
    if release(version) < OLDEST:
        raise StepError(
            f"{host} runs FreeIPA {version}; the oldest release that is served is {'.'.join(map(str, OLDEST))}.",
            "Add a server of a newer release to the realm, one major release after the other, and register that one.",
        )
    level = int((await session.call("domainlevel_get")).value)
    if level < PROMOTION:
        raise StepError(
            f"The domain level of {known['realm']} is {level}; promotion needs level {PROMOTION}.",
            f"When every server of the realm runs FreeIPA 4.3 or later: ipa domainlevel-set {PROMOTION}.",
        )
    return level


def release(version: str) -> tuple[int, int]:
    """Major and minor number of «4.9.11», «4.12.0dev» or «4.9.8-7.el9». Raises StepError for something else."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    if not (major.isdecimal() and minor.isdecimal()):
        raise StepError(f"{version!r} is not a version of FreeIPA.", "See what «ipa --version» says on the server.")
    return int(major), int(minor)


def version(text: str) -> tuple[int, int, int]:
    """Return the three numbers of a version such as "4.9.11" or "4.9.8-7.el9"; a third one that is missing counts as 0.

    Raises StepError for text that is not a version.
    """
    major, minor = release(text)
    patch = re.match(r"\d+\.\d+\.(\d+)", text)
    return major, minor, int(patch[1]) if patch else 0


async def role_holders(session: Session) -> dict[str, list[str]]:
    """The announced servers of each role (ROLES), from the realm's configuration."""
    return holders((await session.call("config_show", all=True)).value)


def holders(shown: Mapping[str, Any]) -> dict[str, list[str]]:
    """The same from what `config_show` has answered."""
    return {role: sorted(shown.get(attribute, [])) for attribute, role in ROLES.items()}


async def providers(session: Session) -> dict[str, list[str]]:
    """The servers of each role, hidden ones too: they serve those that name them."""
    shown = (await session.call("config_show", all=True)).value
    return {
        role: sorted({*names, *shown.get(f"{attribute.removesuffix('_server')}_hidden_server", [])})
        for (attribute, role), names in zip(ROLES.items(), holders(shown).values(), strict=True)
    }


def trusting(known: Iterable[Server]) -> list[str]:
    """The servers of the AD trust role."""
    return sorted(one.name for one in known if TRUST in one.roles)


async def hidden(session: Session) -> list[str]:
    """The servers that serve and are announced nowhere."""
    shown = (await session.call("config_show", all=True)).value
    return [str(name).lower() for name in shown.get("ipa_master_hidden_server", ())]


async def servers(session: Session) -> list[Server]:
    return sorted(map(server, await session.find("server_find", all=True)), key=lambda one: one.name)


def server(entry: Mapping[str, Any]) -> Server:
    """From an entry of `server_find` or `server_show`."""
    return Server(
        name=str(entry["cn"][0]).lower(),
        roles=tuple(entry.get("enabled_role_servrole", ())),
        suffixes=tuple(entry.get("iparepltopomanagedsuffix_topologysuffix", ())),
        location=str((entry.get("ipalocation_location") or [""])[0]),
    )


async def suffixes(session: Session) -> list[str]:
    return sorted(str(one["cn"][0]) for one in await session.find("topologysuffix_find"))


async def segments(session: Session, names: Iterable[str]) -> list[Segment]:
    """All segments of these suffixes."""
    found = []
    for suffix in names:
        for one in await session.find("topologysegment_find", suffix, all=True):
            left, right = (str(one[f"iparepltoposegment{side}node"][0]).lower() for side in ("left", "right"))
            found.append(Segment(suffix, str(one["cn"][0]), left, right))
    return found
