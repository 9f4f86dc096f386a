"""What is wrong with a realm, as far as two readings agree on it: a server that restarts is not broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from replicas.clients import agreement_status
from replicas.clients.replication import Waiting
from replicas.lifecycle.agreements import known_before
from replicas.lifecycle.base import AgreementHealth, Health, ServerHealth

Row = dict[str, Any]
"""An expected DNS record, with what each name server answers instead (looking.compare)."""
Reading = tuple[Health, list[Row]]


def troubles(reading: Reading) -> set[tuple[str, ...]]:
    """Return what the reading would show as broken or missing."""
    health, rows = reading
    return {
        *(("server", one.name) for one in health.servers if one.problem),
        *(("agreement", *_ends(one)) for one in health.agreements if one.problem),
        *(("record", *_key(row), name) for row in rows for name, answer in row["servers"].items() if answer),
        *(("record", *_key(row)) for row in rows if row["problem"]),
    }


def suspicious(reading: Reading) -> bool:
    """Tell whether another reading is needed: something is wrong, or changes are on their way."""
    return bool(troubles(reading)) or any(one.retrying or one.lag for one in reading[0].agreements)


def confirm(before: Reading, now: Reading) -> Reading:
    """Return the later reading without what only that one saw; an agreement then counts as tried again."""
    known = troubles(before)
    health, rows = now
    earlier = {_ends(one): one for one in before[0].agreements}
    servers = tuple(_server(one, ("server", one.name) in known) for one in health.servers)
    agreements = tuple(_agreement(one, earlier.get(_ends(one)), known) for one in health.agreements)
    return replace(health, servers=servers, agreements=agreements), [_row(row, known) for row in rows]


def since(stored: Mapping[str, Any], health: Health) -> Health:
    """Return the health with what the stored result of the last check knew: since when changes are missing, say."""
    earlier = {(one["supplier"], one["consumer"]): one for one in stored.get("agreements", ())}
    agreements = (_since(earlier.get(_ends(one), {}), one) for one in health.agreements)
    return replace(health, agreements=tuple(agreements))


def _since(stored: Mapping[str, Any], now: AgreementHealth) -> AgreementHealth:
    found = known_before(now, _waiting(stored.get("waiting", ())))
    return _still_failing(stored.get("tried", ""), stored.get("clock", 0.0), found)


def _waiting(stored: Iterable[Mapping[str, Any]]) -> Iterator[Waiting]:
    for one in stored:
        yield Waiting(**one)


def _ends(one: AgreementHealth) -> tuple[str, str]:
    return one.supplier, one.consumer


def _key(row: Row) -> tuple[str, str]:
    return row["host"], row["record"]


def _server(now: ServerHealth, known: bool) -> ServerHealth:
    return now if known else replace(now, problem="")


def _agreement(now: AgreementHealth, before: AgreementHealth | None, known: set[tuple[str, ...]]) -> AgreementHealth:
    if before is None:
        return replace(now, problem="", retrying=now.problem or now.retrying)
    found = known_before(now, before.waiting)
    if found.problem and ("agreement", *_ends(found)) not in known:
        return replace(found, problem="", retrying=found.problem)
    return _still_failing(before.tried, before.clock, found)


def _still_failing(tried: str, clock: float, now: AgreementHealth) -> AgreementHealth:
    """A supplier that failed again in another attempt does not reach a consumer that answers the portal.

    `tried` and `clock` are of the earlier reading. A refusal that passes by itself has to last longer than that takes.
    """
    failed_again = bool(tried and now.tried and tried != now.tried)
    failed_again &= now.clock - clock >= agreement_status.passes_within(now.retrying)
    return replace(now, problem=now.problem or now.retrying) if failed_again else now


def _row(row: Row, known: set[tuple[str, ...]]) -> Row:
    servers = {name: answer if ("record", *_key(row), name) in known else "" for name, answer in row["servers"].items()}
    return row | {"servers": servers, "problem": row["problem"] if ("record", *_key(row)) in known else ""}
