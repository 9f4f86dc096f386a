"""Nothing counts as broken that a second reading does not confirm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from replicas.clients.replication import Waiting
from replicas.errors import PortalError
from replicas.lifecycle import confirmation, looking
from replicas.lifecycle.base import AgreementHealth, Health, ServerHealth
from replicas.lifecycle.confirmation import Reading

A, B = "a.example.com", "b.example.com"
CALM = AgreementHealth(A, B, 0.0)
SILENT = replace(CALM, lag=None, problem=f"{B} does not answer.")
BUSY = replace(CALM, retrying="Error (1) Can't acquire busy replica")
FAILING = replace(CALM, retrying="Error (-1) Can't contact LDAP server", tried="2026-11-30T19:32:47Z")
ROW = {"host": A, "record": "it", "servers": {"ns.": ""}, "problem": ""}


def reading(agreement: AgreementHealth = CALM, problem: str = "", answer: str = "", zone: str = "") -> Reading:
    health = Health((ServerHealth(A), ServerHealth(B, problem=problem)), (agreement,), ())
    return health, [ROW | {"servers": {"ns.": answer}, "problem": zone}]


@pytest.fixture
def steadily(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Reading, int]]:
    """Look with these readings one after the other; the result, and how many were needed."""
    monkeypatch.setattr(looking, "PAUSE_SECONDS", 0)

    def look(*readings: Reading | None) -> tuple[Reading, int]:
        left = list(readings)

        async def ask(job: Any) -> Reading:
            if (found := left.pop(0)) is None:
                raise PortalError("The master does not answer.")
            return found

        found = asyncio.run(looking._steadily(ask, [object()]))  # type: ignore[list-item]
        return found, len(readings) - len(left)

    return look


Look = Callable[..., tuple[Reading, int]]


def test_what_is_well_is_read_once(steadily: Look) -> None:
    assert steadily(reading(), reading()) == (reading(), 1)


@pytest.mark.parametrize(
    "wrong",
    [reading(SILENT, problem="no answer"), reading(answer="nothing"), reading(zone="no zone"), reading(BUSY), None],
)
def test_what_is_over_a_moment_later_is_not_told(steadily: Look, wrong: Reading | None) -> None:
    assert steadily(wrong, reading()) == (reading(), 2)


@pytest.mark.parametrize(
    "wrong", [reading(SILENT, problem="no answer"), reading(answer="nothing"), reading(zone="no zone")]
)
def test_what_stays_wrong_is_told(steadily: Look, wrong: Reading) -> None:
    assert steadily(wrong, wrong) == (wrong, 2)


def test_no_master_that_answers_is_told_after_the_second_time(steadily: Look) -> None:
    with pytest.raises(looking.HealthUnknown):
        steadily(None, None)
    assert steadily(None, reading(SILENT), reading()) == (reading(), 3)


def test_what_a_later_reading_sees_first_is_read_once_more(steadily: Look) -> None:
    assert steadily(reading(BUSY), reading(SILENT), reading(SILENT)) == (reading(SILENT), 3)
    found, _ = steadily(reading(BUSY), reading(SILENT), reading())
    assert found == reading()
    (health, _), _ = steadily(reading(SILENT), reading(answer="nothing"), reading(SILENT))
    assert (health.agreements[0].problem, health.agreements[0].retrying) == ("", SILENT.problem), "not confirmed"


def test_a_busy_replica_is_never_broken(steadily: Look) -> None:
    (health, _), times = steadily(reading(BUSY), reading(BUSY))
    assert (health.agreements[0].problem, times) == ("", 2)
    stored = json.loads(json.dumps(asdict(health)))
    assert confirmation.since(stored, health).agreements[0].problem == ""


def test_a_supplier_that_fails_again_while_the_consumer_answers_is_broken(steadily: Look) -> None:
    """One failed attempt may be from before the consumer was started again."""
    (health, _), _ = steadily(reading(FAILING), reading(FAILING))
    assert health.agreements[0].problem == ""
    stored = json.loads(json.dumps(asdict(health)))
    assert confirmation.since(stored, health).agreements[0].problem == ""
    again = replace(FAILING, tried="2026-11-30T19:37:47Z")
    assert confirmation.since(stored, reading(again)[0]).agreements[0].problem == FAILING.retrying
    (health, _), _ = steadily(reading(FAILING), reading(again))
    assert health.agreements[0].problem == FAILING.retrying


def test_a_new_supplier_that_is_not_trusted_yet_is_not_broken(steadily: Look) -> None:
    """Until the consumer has read the group of its suppliers, each attempt is denied."""
    words = "Error (3) Replication error acquiring replica: permission denied"
    denied = replace(CALM, retrying=words, tried="2026-11-30T19:32:47Z", clock=1000.0)
    (health, _), _ = steadily(reading(denied), reading(replace(denied, tried="2026-11-30T19:32:53Z", clock=1006.0)))
    assert (health.agreements[0].problem, health.agreements[0].retrying) == ("", words)
    stored = json.loads(json.dumps(asdict(health)))
    later = replace(denied, tried="2026-11-30T19:37:47Z", clock=1300.0)
    assert confirmation.since(stored, reading(later)[0]).agreements[0].problem == words


def test_the_age_of_a_missing_change_goes_on_from_one_check_to_the_next() -> None:
    def change(seconds: int) -> str:
        return f"{0x6A000000 + seconds:08x}000000040000"

    def behind(oldest: int, clock: int) -> AgreementHealth:
        waiting = Waiting(4, change(0), change(oldest), change(oldest))
        return replace(CALM, lag=1.0, waiting=(waiting,), clock=float(0x6A000000 + clock))

    stored = json.loads(json.dumps(asdict(reading(behind(10, 11))[0])))
    assert confirmation.since(stored, reading(behind(900, 901))[0]).agreements[0].lag == 891
    assert confirmation.since({}, reading(behind(900, 901))[0]).agreements[0].lag == 1
    old = {"agreements": [{"supplier": A, "consumer": B, "lag": 4.0, "problem": ""}]}
    assert confirmation.since(old, reading(behind(900, 901))[0]).agreements[0].lag == 1, "stored by an older portal"
