"""How a realm is: its servers, the agreements of its segments with the lag of each, and certificates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from replicas.backends.freeipa import realm, records, serving, zones
from replicas.backends.freeipa.access import address_of, session
from replicas.backends.freeipa.leftovers import directory_at
from replicas.backends.freeipa.replication import root
from replicas.backends.freeipa.suggesting import suggest
from replicas.clients import replication
from replicas.clients.freeipa.session import Session
from replicas.clients.replication import Copy
from replicas.errors import PortalError, StepError
from replicas.lifecycle import certificates
from replicas.lifecycle.agreements import direction
from replicas.lifecycle.base import (
    AgreementHealth,
    CertificateHealth,
    Context,
    Health,
    Record,
    ServerHealth,
    SuggestedAgreement,
)
from replicas.lifecycle.steps.name_server_records import name_server_records
from replicas.together import together

NAME_SERVER = "DNS server"
LOCATIONS = "._locations."
SHOWN = {"CA server": "CA", NAME_SERVER: "DNS", "KRA server": "KRA", "AD trust controller": "AD trust"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one server's directory says of its copy of each suffix, and the certificates that it presents.

    Those do not depend on the directory.
    """

    copies: Mapping[str, Copy] = field(default_factory=dict)
    problem: str = ""
    certificates: tuple[CertificateHealth, ...] = ()


async def look(ctx: Context) -> Health:
    """Servers and segments as the realm knows them; how far each server has come, from its own directory."""
    async with session(ctx) as opened:
        servers, hidden = await realm.servers(opened), await realm.hidden(opened)
        suffixes = await realm.suffixes(opened)
        segments = await realm.segments(opened, suffixes)
        torn = {suffix: await _torn(opened, suffix) for suffix in suffixes}
        announced = await records.every(opened) if ctx.job.realm.dns else ()
        named = await _name_servers(opened, servers, hidden) if ctx.job.realm.dns else ()
    answers = await together(*(_ask(ctx, one) for one in servers))
    seen = {one.name: answer for one, answer in zip(servers, answers, strict=True)}
    return Health(
        servers=tuple(_server(one, seen[one.name].problem, one.name in hidden) for one in servers),
        agreements=tuple(agreements(segments, torn, seen)),
        certificates=(
            certificates.authority(ctx.job.realm),
            *(certificate for one in seen.values() for certificate in one.certificates),
        ),
        suggested=tuple(suggestions(servers, segments)),
        name_servers=await name_servers(ctx, servers),
        records=(*leading(servers, announced), *named),
    )


async def _name_servers(
    opened: Session, servers: Iterable[realm.Server], hidden: Iterable[str]
) -> tuple[tuple[str, Record], ...]:
    """The NS records of the announced name servers, in each zone of the realm."""
    serving = [one.name for one in servers if NAME_SERVER in one.roles and one.name not in hidden]
    known = await zones.names(opened) if serving else []
    return tuple((name, record) for name in serving for record in name_server_records(name, known))


def leading(servers: Iterable[realm.Server], announced: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    """With the weights and locations that the realm gives them; none leads to a server that is hidden.

    A name server in a location answers the realm's own names with an alias to those of its location, which are there
    as records of their own.
    """
    known = list(servers)
    plain = [record for record in announced if not aliased(known) or LOCATIONS in record.name]
    for one in known:
        yield from ((one.name, record) for record in plain if records.names(record, one.name))


def aliased(servers: Iterable[realm.Server]) -> bool:
    """Whether a name server is in a location, and answers with aliases."""
    return any(one.location and NAME_SERVER in one.roles for one in servers)


async def name_servers(ctx: Context, servers: Iterable[realm.Server]) -> tuple[str, ...]:
    """Addresses of those with the role, the master first; one that the master cannot resolve is left out."""
    master, found = ctx.job.master, list[str]()
    named = [one.name for one in servers if NAME_SERVER in one.roles]
    for name in sorted(named, key=lambda one: one != master.hostname):
        with contextlib.suppress(PortalError):
            found.append(master.address if name == master.hostname else await address_of(ctx, name))
    return tuple(found)


async def _torn(opened: Session, suffix: str) -> str:
    try:
        await serving.require_connected(opened, suffix)
    except StepError as error:
        return error.message
    return ""


async def _ask(ctx: Context, server: realm.Server) -> Seen:
    name, master = server.name, ctx.job.master
    presented: tuple[CertificateHealth, ...] = ()
    try:
        address = master.address if name == master.hostname else await address_of(ctx, name)
        presented = await certificates.of_server(name, address)
        async with directory_at(ctx, name, address) as bound:
            copies = {suffix: await replication.read(bound, root(ctx.job, suffix)) for suffix in server.suffixes}
    except PortalError as error:
        return Seen({}, str(error), presented)
    return Seen(copies, certificates=presented)


def _server(one: realm.Server, problem: str, hidden: bool) -> ServerHealth:
    roles = tuple(short for role, short in SHOWN.items() if role in one.roles)
    idle = "" if one.serves or hidden else "Its services are not enabled."
    return ServerHealth(one.name, roles, problem or idle, one.suffixes)


def agreements(
    segments: Iterable[realm.Segment], torn: Mapping[str, str], seen: Mapping[str, Seen]
) -> Iterator[AgreementHealth]:
    """Yield both ways of each pair of servers, once for all suffixes; the lag is the largest of any suffix."""
    problems: dict[tuple[str, str], str] = {}
    suffixes: dict[tuple[str, str], list[str]] = {}
    for one in segments:
        for pair in ((one.left, one.right), (one.right, one.left)):
            problems[pair] = problems.get(pair, "") or torn.get(one.suffix, "")
            suffixes.setdefault(pair, []).append(one.suffix)
    copies = {name: one.copies for name, one in seen.items()}
    for pair, problem in sorted(problems.items()):
        found = direction(*pair, copies, suffixes[pair], problem or _silent(pair, seen))
        yield replace(found, suffixes=tuple(suffixes[pair]))


def _silent(pair: Iterable[str], seen: Mapping[str, Seen]) -> str:
    unknown = Seen({}, "It is not a server of the realm.")
    ends = {name: seen.get(name, unknown) for name in pair}
    return next((f"{name}: {end.problem}" for name, end in ends.items() if end.problem), "")


def suggestions(servers: Iterable[realm.Server], segments: Iterable[realm.Segment]) -> Iterator[SuggestedAgreement]:
    """At most one for each suffix: after it, the next one may be another."""
    known, listed = list(servers), list(segments)
    for suffix in sorted({name for one in known for name in one.suffixes}):
        holding = [one.name for one in known if suffix in one.suffixes]
        if pair := suggest(holding, [one for one in listed if one.suffix == suffix]):
            yield SuggestedAgreement(suffix, *pair, command=command(suffix, *pair))


def command(suffix: str, left: str, right: str) -> str:
    """What adds that segment, typed by somebody."""
    return f"ipa topologysegment-add {suffix} {left}-to-{right} --leftnode={left} --rightnode={right}"
