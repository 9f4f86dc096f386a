"""The lag of an agreement, from what its two ends say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from replicas.clients.agreement_status import Status
from replicas.clients.replication import Agreement, Copy
from replicas.clients.vectors import Changes
from replicas.lifecycle.agreements import direction, known_before

BEGIN = 0x6A000000
HOSTS = {4: "a.example.com", 5: "b.example.com", 9: "gone.example.com"}
A, B = HOSTS[4], HOSTS[5]


def change(seconds: int, number: int = 0, replica: int = 4) -> str:
    """A change number: time, sequence, replica id, subsequence (389 Directory Server)."""
    return f"{BEGIN + seconds:08x}{number:04x}{replica:04x}0000"


FIRST, NOW = change(0), change(90)


def copy(vector: dict[int, Changes], number: int | None = None, clock: float = 100, **more: Any) -> Copy:
    return Copy(vector, number, HOSTS, clock=BEGIN + clock, **more)


def lag(supplier: dict[int, Changes], consumer: dict[int, Changes], clock: float = 100) -> float | None:
    copies = {A: {"": copy(supplier, 4, clock)}, B: {"": copy(consumer, 5, clock)}}
    return direction(A, B, copies, [""]).lag


ALL = {4: Changes(FIRST, NOW), 5: Changes(FIRST, NOW)}


@pytest.mark.parametrize(
    ("supplier", "consumer", "seconds"),
    [
        (ALL, ALL, 0),
        ({4: Changes(FIRST, change(30))}, {4: Changes(FIRST, NOW)}, 0),
        ({4: Changes(FIRST, NOW)}, {4: Changes(FIRST, change(30))}, 10),
        ({4: Changes(FIRST, change(90, 7))}, {4: Changes(FIRST, NOW)}, 10),
        ({4: Changes(FIRST, change(100))}, {4: Changes(FIRST, change(30))}, 1),
        ({4: Changes(FIRST, NOW)}, {4: Changes("", "")}, 100),
        ({4: Changes(FIRST, NOW)}, {5: Changes(FIRST, NOW)}, 100),
        ({4: Changes(FIRST, NOW), 5: Changes(FIRST, change(20))}, {4: Changes(FIRST, NOW), 5: Changes("", "")}, 100),
    ],
)
def test_lag_is_how_long_the_oldest_missing_change_has_waited(
    supplier: dict[int, Changes], consumer: dict[int, Changes], seconds: float
) -> None:
    assert lag(supplier, consumer) == seconds


@pytest.mark.parametrize("silence", [0, 100, 1_000_000])
def test_a_silent_supplier_does_not_lag(silence: float) -> None:
    assert lag(ALL, ALL, 90 + silence) == 0


def test_one_change_after_a_long_silence_has_waited_since_it_was_made() -> None:
    late = change(1_000_000)
    assert lag({4: Changes(FIRST, late)}, {4: Changes(FIRST, NOW)}, 1_000_003) == 3


@pytest.mark.parametrize(
    "supplier",
    [
        pytest.param({9: Changes(FIRST, NOW)}, id="removed, and cleaned on the consumer only"),
        pytest.param({4: Changes("", "")}, id="an element without changes"),
        pytest.param({77: Changes(FIRST, NOW)}, id="an id without a name"),
    ],
)
def test_ids_that_no_server_has_do_not_lag(supplier: dict[int, Changes]) -> None:
    assert lag({**ALL, **supplier}, ALL) == 0


def test_the_id_of_a_server_before_it_was_installed_again_does_not_count() -> None:
    """Both ids have its name in the vectors; the server itself says which one is its own."""
    hosts = {4: A, 5: B, 6: B}
    vector = {4: Changes(FIRST, NOW), 5: Changes(FIRST, NOW), 6: Changes(FIRST, FIRST)}
    copies = {
        A: {"": Copy(vector, 4, hosts, clock=BEGIN + 100)},
        B: {"": Copy({4: vector[4], 6: vector[6]}, 6, hosts, clock=BEGIN + 100)},
    }
    assert direction(A, B, copies, [""]).lag == 0


@pytest.mark.parametrize(
    ("agreement", "seconds"),
    [
        (Agreement(ended=BEGIN + 95), 0),
        (Agreement(ended=BEGIN + 90), 0),
        (Agreement(ended=BEGIN + 89), 10),
        (Agreement(ended=BEGIN + 95, updating=True), 10),
        (Agreement(ended=BEGIN + 95, enabled=False), 10),
        (Agreement(ended=BEGIN + 95, initializing=True), 10),
        (Agreement(Status("retrying", "Error (1) Can't acquire busy replica"), ended=BEGIN + 95), 10),
        (Agreement(Status("failing", "Error (-1)"), ended=BEGIN + 95), 10),
    ],
)
def test_what_a_finished_update_has_sent_is_not_missing(agreement: Agreement, seconds: float) -> None:
    """A consumer's vector does not move for a deletion of what it has deleted itself."""
    supplier = copy({4: Changes(FIRST, NOW)}, 4, agreements={B: agreement})
    copies = {A: {"": supplier}, B: {"": copy({4: Changes(FIRST, change(30))}, 5)}}
    assert direction(A, B, copies, [""]).lag == seconds


def test_what_arrived_after_the_last_update_was_not_sent_by_it() -> None:
    agreement = Agreement(ended=BEGIN + 95)
    supplier = copy({5: Changes(FIRST, NOW)}, 4, arrived={5: BEGIN + 97.0}, agreements={B: agreement})
    copies = {A: {"": supplier}, B: {"": copy({5: Changes(FIRST, change(30))}, 5)}}
    assert direction(A, B, copies, [""]).lag == 10


def test_a_delivery_is_remembered_while_the_consumer_is_busy() -> None:
    behind = {B: {"": copy({4: Changes(FIRST, change(30))}, 5)}}
    rests, busy = Agreement(ended=BEGIN + 95), Agreement(Status("retrying", "Error (1)"))
    before = direction(A, B, {A: {"": copy({4: Changes(FIRST, NOW)}, 4, agreements={B: rests})}, **behind}, [""])
    now = direction(A, B, {A: {"": copy({4: Changes(FIRST, NOW)}, 4, agreements={B: busy})}, **behind}, [""])
    assert (before.lag, now.lag) == (0, 10)
    assert known_before(now, before.waiting).lag == 0


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 0),
        ({"begun": BEGIN + 91}, 10),
        ({"sent": {4: 7}}, 10),
        ({"enabled": False}, 10),
        ({"status": Status("failing", "Error (-1)")}, 10),
    ],
)
def test_what_is_sent_without_end_is_not_missing(changes: dict[str, Any], seconds: float) -> None:
    """An update that has been sent while another one has begun already."""

    def reading(**state: Any) -> Any:
        agreement = Agreement(updating=True, **state)
        supplier = copy({4: Changes(FIRST, NOW)}, 4, agreements={B: agreement})
        copies = {A: {"": supplier}, B: {"": copy({4: Changes(FIRST, change(30))}, 5)}}
        return direction(A, B, copies, [""])

    before, now = reading(begun=BEGIN + 91, sent={4: 7}), reading(**{"begun": BEGIN + 96, "sent": {4: 8}} | changes)
    assert (before.lag, now.lag) == (10, 10)
    assert known_before(now, before.waiting).lag == seconds


def test_the_oldest_change_is_remembered_while_others_follow() -> None:
    def behind(newest: int, reached: int) -> Any:
        supplier, consumer = {4: Changes(FIRST, change(newest))}, {4: Changes(FIRST, change(reached))}
        clock = newest + 1
        copies = {A: {"": copy(supplier, 4, clock)}, B: {"": copy(consumer, 5, clock)}}
        return direction(A, B, copies, [""])

    before = behind(90, 30)
    assert known_before(behind(500, 30), before.waiting).lag == 411, "since the change that was seen before"
    assert known_before(behind(500, 90), before.waiting).lag == 1, "it has arrived since"


@pytest.mark.parametrize("silent", [A, B])
def test_a_server_that_says_nothing_is_not_called_in_sync(silent: str) -> None:
    copies = {A: {"": copy(ALL, 4)}, B: {"": copy(ALL, 5)}} | {silent: {}}
    assert direction(A, B, copies, [""]).lag is None


def test_every_suffix_counts() -> None:
    behind = {4: Changes(FIRST, change(30))}
    copies = {
        A: {"domain": copy(ALL, 4), "ca": copy({4: Changes(FIRST, NOW)}, 4)},
        B: {"domain": copy(ALL, 5), "ca": copy(behind, 5)},
    }
    assert direction(A, B, copies, ["domain"]).lag == 0
    found = direction(A, B, copies, ["domain", "ca"])
    assert found.lag == 10
    assert [one.suffix for one in found.waiting] == ["ca"]
