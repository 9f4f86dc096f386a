"""Lines become rows: all, in order, once, and only for the holder of the lease."""

from __future__ import annotations

import time

import pytest

from replicas.lifecycle import lease as leases
from replicas.lifecycle.fencing import LeaseLost
from replicas.models import LogLine, Run
from replicas.stream.redaction import Redactor
from replicas.stream.writer import LogWriter
from tests.replicas.lifecycle.rows import make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    run = make_run()
    assert leases.claim(run.pk) is not None
    return run


def stored(run: Run) -> list[tuple[int, str]]:
    return list(LogLine.objects.filter(run=run).order_by("seq").values_list("seq", "text"))


def test_burst_is_stored_in_order(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor()) as writer:
        for number in range(1, 20_001):
            writer.write(f"line {number}")
    assert stored(run) == [(number, f"line {number}") for number in range(1, 20_001)]
    run.refresh_from_db()
    assert run.last_seq == 20_000


def test_goes_on_where_the_last_writer_stopped(run: Run) -> None:
    for text in ("one", "two\nthree", ""):
        with LogWriter(run.pk, 1, Redactor()) as writer:
            writer.write(text)
    assert stored(run) == [(1, "one"), (2, "two"), (3, "three"), (4, "")]


def test_secret_in_two_lines_that_come_one_after_the_other(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor("correct-horse-battery")) as writer:
        writer.write("first: correct-ho")
        time.sleep(0.1)
        writer.write("rse-battery, last")
    assert stored(run) == [(1, "first: ********"), (2, ", last")]


def test_what_only_looks_like_a_secret_is_not_kept_long(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor("correct-horse-battery")) as writer:
        writer.write("it is correct")
        time.sleep(0.5)
        assert stored(run) == [(1, "it is correct")]


def test_nothing_is_written_past_a_newer_fence(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(fence=2)
    with LogWriter(run.pk, 1, Redactor()) as writer:
        writer.write("late")
        with pytest.raises(LeaseLost):
            writer.flush()
    assert stored(run) == []
