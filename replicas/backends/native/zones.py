"""The zones of the realm's name servers: what the master's BIND serves and the realm's key may change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from replicas.clients import dns, named_conf
from replicas.clients.dns_update import Key
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps.zones import changeable, is_local
from replicas.together import together

PROGRAM = "named-checkconf"
SERVED = ("primary", "secondary")


@dataclass(frozen=True, slots=True)
class Shared:
    """The zones that a replica serves too (absolute names), and why each other one of the master is left out."""

    zones: tuple[str, ...]
    skipped: dict[str, str]


async def configured(ctx: Context) -> list[str]:
    """Return the primary and secondary zones that the master's BIND is configured with, as absolute names.

    Raises StepError when BIND does not accept its own configuration.
    """
    return list(dict.fromkeys(dns.absolute(one.name) for one in await _statements(ctx) if one.type in SERVED))


async def journals(ctx: Context) -> list[tuple[str, str]]:
    """Return the primary zones of the master's BIND, each with the path of its journal. Raises StepError."""
    found = [one for one in await _statements(ctx) if one.type == "primary" and one.journal]
    return [(dns.absolute(one.name), one.journal) for one in found]


async def _statements(ctx: Context) -> list[named_conf.Zone]:
    """Return the zones of class IN of the master's configuration; a master without BIND has none.

    BIND itself reads its configuration, with includes, views and comments, and prints it in one form. Raises StepError.
    """
    master = await ctx.host("master")
    if (await master.run("which", PROGRAM, check=False)).status:
        return []
    # -x leaves out the secrets of keys.
    shown = await master.run(PROGRAM, "-p", "-x", check=False)
    if shown.status:
        reason = next((line for line in shown.text.splitlines() if line.strip()), "no output")
        raise StepError(
            f"The configuration of the name server on {master.name} is not valid: {reason}.",
            f"Run named-checkconf on {master.name}, and correct what it reports.",
        )
    return [one for one in named_conf.zones(shown.text) if one.cls == "in"]


async def of_master(ctx: Context) -> list[str]:
    """Return the configured zones that the master serves now, without those that each server has for itself."""
    server, found = ctx.job.master.address, await configured(ctx)
    causes = await together(*(_not_served(server, zone) for zone in found))
    served = [zone for zone, cause in zip(found, causes, strict=True) if not cause]
    local = await together(*(is_local(server, zone) for zone in served))
    return [zone for zone, own in zip(served, local, strict=True) if not own]


async def shared(ctx: Context, key: Key, needed: Iterable[str] = ()) -> Shared:
    """Return the zones that a replica serves: those that can be changed with the realm's key.

    A copy of a zone that others manage is left out. Raises DnsError when one of the `needed` zones is not served or
    cannot be changed, StepError.
    """
    server, required = ctx.job.master.address, {dns.absolute(zone) for zone in needed}
    zones: list[str] = []
    skipped: dict[str, str] = {}
    for zone in await configured(ctx):
        cause = await _not_served(server, zone) or await _not_changed(server, zone, key)
        if cause and zone in required:
            raise DnsError(cause, "See that its primary name server runs, and allows updates with the realm's key.")
        if not cause:
            zones.append(zone)
        elif not await is_local(server, zone):
            skipped[zone] = cause
    return Shared(tuple(zones), skipped)


async def _not_served(server: str, zone: str) -> str:
    """Return why a zone is not one that clients find at the master; empty when it is."""
    try:
        answer = await dns.query(server, zone, "SOA")
    except DnsError as error:
        return error.message
    if not dns.authoritative(answer) or not any(rrset.rdtype.name == "SOA" for rrset in answer.answer):
        return f"The name server {server} does not serve the zone {zone}."
    return ""


async def _not_changed(server: str, zone: str, key: Key) -> str:
    try:
        await changeable(server, zone, key)
    except DnsError as error:
        return error.message
    return ""
