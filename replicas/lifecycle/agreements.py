"""One direction of replication, from what its two servers say of their copies of each suffix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from replicas.clients import replication
from replicas.clients.replication import Agreement, Copy, Waiting
from replicas.lifecycle.base import AgreementHealth

Copies = Mapping[str, Mapping[str, Copy]]
"""The copy of each suffix, by server; a server that does not answer has none."""


def direction(
    supplier: str, consumer: str, copies: Copies, suffixes: Iterable[str], problem: str = ""
) -> AgreementHealth:
    """Measure what waits for the consumer, and read what the supplier says of its agreements.

    `problem` is what is known to be wrong already: the consumer does not answer, say.
    """
    known = [
        (suffix, copies.get(supplier, {}).get(suffix), copies.get(consumer, {}).get(suffix)) for suffix in suffixes
    ]
    agreements = [one.agreements[consumer] for _, one, _ in known if one and consumer in one.agreements]
    missing = tuple(
        one
        for suffix, sent, got in known
        if sent and got
        for one in replication.waiting(sent, got, consumer, _counted(suffix, sent, copies), suffix)
    )
    clock = max((sent.clock for _, sent, _ in known if sent), default=0.0)
    measured = all(sent and got and sent.vector and got.vector for _, sent, got in known)
    return AgreementHealth(
        supplier,
        consumer,
        replication.lag(missing, clock) if measured else None,
        problem or _first(agreements, "broken"),
        retrying=_retrying(agreements),
        tried=next((_attempt(one, clock) for one in agreements if one.status.kind == "failing"), ""),
        waiting=missing,
        clock=clock,
    )


def _counted(suffix: str, sent: Copy, copies: Copies) -> set[int]:
    holders = {name: held for name, held in copies.items() if not held or suffix in held}
    own = {name: held[suffix].number if held else None for name, held in holders.items()}
    return replication.counted(sent, own)


def _first(agreements: Iterable[Agreement], kind: str) -> str:
    return next((one.status.text for one in agreements if one.status.kind == kind), "")


def _retrying(agreements: list[Agreement]) -> str:
    if any(one.initializing for one in agreements):
        return "The consumer is being initialized."
    return _first(agreements, "failing") or _first(agreements, "retrying")


def _attempt(agreement: Agreement, clock: float) -> str:
    """Older servers do not say when they tried: there each reading counts as another attempt."""
    return agreement.status.tried or f"read at {clock:.0f}"


def known_before(now: AgreementHealth, before: Iterable[Waiting]) -> AgreementHealth:
    """Return the same with what an earlier reading knew of the waiting changes, and the lag that follows from it."""
    waiting = tuple(replication.remembered(one, before) for one in now.waiting)
    return replace(now, waiting=waiting, lag=None if now.lag is None else replication.lag(waiting, now.clock))
