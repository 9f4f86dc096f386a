"""Proofs wait for replication, and say for what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replicas.errors import StepError, WrongPassword
from replicas.lifecycle.steps import convergence
from replicas.lifecycle.steps.convergence import converged
from tests.replicas.backends.freeipa.conftest import RealmContext, job


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(convergence, "QUIET_SECONDS", 0.0)


def test_the_limit_covers_the_longest_pause_of_a_supplier() -> None:
    """389-DS doubles its pause from 3 s up to 5 minutes (nsds5ReplicaBackoffMin, nsds5ReplicaBackoffMax)."""
    assert convergence.REPLICATED_SECONDS > 300


async def test_a_proof_that_comes_late_counts_and_each_reason_is_logged_once() -> None:
    reasons: Iterator[str] = iter(["The role is missing.", "The role is missing.", "The segment is missing."])

    async def attempt() -> str:
        if reason := next(reasons, None):
            raise StepError(reason)
        return "proved"

    made = RealmContext(job("install"), "")
    assert await converged(made, attempt) == "proved"
    assert made.text.count("The role is missing.") == 1
    assert made.text.count("The segment is missing.") == 1
    assert "Replication caught up after" in made.text.splitlines()[-1]


async def test_the_last_reason_is_the_error_when_time_is_up() -> None:
    async def attempt() -> None:
        raise StepError("The role is missing.", "Set it up.")

    with pytest.raises(StepError, match="The role is missing") as caught:
        await converged(RealmContext(job("install"), ""), attempt, seconds=0.05)
    assert caught.value.remedy == "Set it up."


async def test_what_waiting_cannot_mend_fails_at_once() -> None:
    calls = []

    async def attempt() -> None:
        calls.append(1)
        raise WrongPassword("admin's password is wrong.")

    with pytest.raises(WrongPassword):
        await converged(RealmContext(job("install"), ""), attempt)
    assert len(calls) == 1
