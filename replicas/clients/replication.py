"""How far replication between two servers of 389 Directory Server has come, as they report it themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from replicas.clients import agreement_status, vectors
from replicas.clients.agreement_status import Status
from replicas.clients.ldap import Directory, Entry
from replicas.clients.vectors import NOTHING, Changes
from replicas.together import together

TREE, MONITOR = "cn=mapping tree,cn=config", "cn=monitor"
AGREEMENTS = "(objectClass=nsds5ReplicationAgreement)"
ROOT, HOST, ENABLED = "nsDS5ReplicaRoot", "nsDS5ReplicaHost", "nsds5ReplicaEnabled"
STATUS, STATUS_JSON = "nsds5replicaLastUpdateStatus", "nsds5replicaLastUpdateStatusJSON"
BEGUN, SENT = "nsds5replicaLastUpdateStart", "nsds5replicaChangesSentSinceStartup"
SENT_OF = re.compile(r"(\d+):(\d+)/\d+")
"""By id: how many changes were sent, and how many were skipped as their attributes are not replicated."""
ENDED, IN_PROGRESS, REFRESH = "nsds5replicaLastUpdateEnd", "nsds5replicaUpdateInProgress", "nsds5BeginReplicaRefresh"
OWN_ID, CLOCK = "nsDS5ReplicaId", "currentTime"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One direction, as its supplier reports it.

    `begun` and `ended`: when the last update began and ended (Unix). The server forgets the end when another one
    begins, and both when it is started. `sent`: changes of each id since then.
    """

    status: Status = field(default_factory=Status)
    enabled: bool = True
    updating: bool = False
    initializing: bool = False
    ended: float = 0.0
    begun: float = 0.0
    sent: Mapping[int, int] = field(default_factory=dict)

    @property
    def sends(self) -> bool:
        """Tell whether the supplier reaches the consumer."""
        return self.enabled and not self.initializing and self.status.kind == "fine"

    @property
    def rests(self) -> bool:
        """Whether the last update went to its end, and no other one has begun."""
        return self.sends and not self.updating


@dataclass(frozen=True, slots=True)
class Copy:
    """One server's copy of a suffix: its id, its update vector, its agreements by consumer, and its clock (Unix)."""

    vector: Mapping[int, Changes] = field(default_factory=dict)
    number: int | None = None
    hosts: Mapping[int, str] = field(default_factory=dict)
    arrived: Mapping[int, float] = field(default_factory=dict)
    """When the server last received something of each id, where it knows."""
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    clock: float = 0.0
    generation: str = ""
    """Which database it is a copy of (vectors.GENERATION)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Changes of one replica id that a consumer's vector does not have: from after `reached` to `newest`.

    `oldest` is the oldest that is known by its number. `delivered`: the supplier has sent them all, and the consumer
    had no use for them, so that its vector stays as it is: the deletion of what was deleted there already, say.
    """

    number: int
    reached: str
    oldest: str
    newest: str
    delivered: bool = False
    suffix: str = ""
    begun: float = 0.0
    """When the supplier began the update that it was at; 0 while it does not reach the consumer."""
    sent: int = 0
    """Changes of the id that it had sent by then."""


async def read(bound: Directory, suffix: str) -> Copy:
    """Read what a server says of its copy of the suffix. An account that may not read it gets an empty one."""
    attributes = [vectors.ATTRIBUTE, vectors.ARRIVED, OWN_ID]
    config = await bound.get(vectors.configuration(suffix), attributes) or {}
    found = await bound.search(suffix, vectors.VECTOR, attributes)
    entry = found[0][1] if found else config
    monitor = await bound.get(MONITOR, [CLOCK]) or {}
    values, own = entry.get(vectors.ATTRIBUTE, []), config.get(OWN_ID, [])
    return Copy(
        vectors.changes(values),
        int(own[0]) if own and own[0].isdecimal() else None,
        vectors.suppliers(values),
        vectors.arrivals(entry.get(vectors.ARRIVED, [])),
        await _agreements(bound, suffix),
        moment("".join(monitor.get(CLOCK, []))) or time.time(),
        vectors.generation(values),
    )


async def same_database(suffix: str, one: Directory, other: Directory) -> bool:
    """Tell whether both servers have a copy of the same database: only then do changes go from one to the other."""
    copies = await together(read(one, suffix), read(other, suffix))
    return "" != copies[0].generation == copies[1].generation


async def _agreements(bound: Directory, suffix: str) -> dict[str, Agreement]:
    wanted = [ROOT, HOST, ENABLED, STATUS, STATUS_JSON, BEGUN, ENDED, IN_PROGRESS, REFRESH, SENT]
    found = await bound.search(TREE, AGREEMENTS, wanted)
    return {
        "".join(entry.get(HOST, [])).lower(): agreement(entry)
        for _, entry in found
        if same_name("".join(entry.get(ROOT, [])), suffix)
    }


def same_name(one: str, other: str) -> bool:
    """Tell whether two names of a suffix are the same, apart from blanks and case."""
    return one.replace(" ", "").lower() == other.replace(" ", "").lower()


def agreement(entry: Entry) -> Agreement:
    """Read an agreement's entry. Disabled ones stay fine: an administrator stopped them."""

    def value(name: str) -> str:
        return "".join(entry.get(name, []))

    return Agreement(
        agreement_status.read(value(STATUS), value(STATUS_JSON)),
        value(ENABLED).lower() != "off",
        value(IN_PROGRESS).lower() == "true",
        "start" in entry.get(REFRESH, []),
        moment(value(ENDED)),
        moment(value(BEGUN)),
        {int(number): int(count) for number, count in SENT_OF.findall(value(SENT))},
    )


def moment(text: str) -> float:
    """Return a generalized time («20261130193500Z») as Unix time; 0 for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def counted(supplier: Copy, own: Mapping[str, int | None]) -> set[int]:
    """Return the ids of `supplier` that belong to servers of the realm.

    `own` has the id of each server by name, None where it is not known: then the name that goes with an id tells.
    Ids of removed servers stay in vectors, in some longer than in others. No server waits for their changes.
    """
    numbers = {number for number in own.values() if number is not None}
    unknown = {name for name, number in own.items() if number is None}
    return {number for number in supplier.vector if number in numbers or supplier.hosts.get(number) in unknown}


def waiting(supplier: Copy, consumer: Copy, host: str, numbers: Iterable[int], suffix: str = "") -> Iterator[Waiting]:
    """Yield what of these ids the supplier has and the vector of the consumer (`host`) has not."""
    agreement = supplier.agreements.get(host)
    for number in sorted(numbers):
        has, got = supplier.vector.get(number, NOTHING), consumer.vector.get(number, NOTHING)
        if has.newest > got.newest:
            since = max(vectors.time_of(has.newest), supplier.arrived.get(number, 0.0))
            delivered = agreement is not None and agreement.rests and agreement.ended >= since
            oldest = has.newest if got.newest else has.first or has.newest
            sends = agreement is not None and agreement.sends
            begun = agreement.begun if agreement is not None and sends else 0.0
            sent = agreement.sent.get(number, 0) if agreement is not None else 0
            yield Waiting(number, got.newest, oldest, has.newest, delivered, suffix, begun, sent)


def remembered(now: Waiting, before: Iterable[Waiting]) -> Waiting:
    """Return the same with what an earlier reading knew: an older change that is still missing, or a delivery."""
    for one in before:
        if (one.suffix, one.number) != (now.suffix, now.number):
            continue
        if (one.delivered and one.newest >= now.newest) or _sent_between(one, now):
            return replace(now, delivered=True)
        if not now.delivered and not one.delivered and one.oldest > now.reached:
            return replace(now, oldest=min(one.oldest, now.oldest))
    return now


def _sent_between(before: Waiting, now: Waiting) -> bool:
    """Tell whether a whole update in between has sent the changes again, and the vector is where it was.

    Two servers that both miss such a change send it to each other without end, and are hardly ever seen at rest.
    """
    same = (before.newest, before.reached) == (now.newest, now.reached)
    return same and vectors.time_of(now.newest) <= before.begun < now.begun and now.sent > before.sent


def lag(missing: Iterable[Waiting], clock: float) -> float:
    """Return for how many seconds the oldest missing change has been waiting; 0 when none is missing."""
    ages = [clock - vectors.time_of(one.oldest) for one in missing if not one.delivered]
    return float(max(1, round(max(ages)))) if ages else 0.0
