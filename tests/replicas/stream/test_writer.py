"""Lines become rows: all, in order, once, and only for the holder of the lease."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.db import OperationalError, connection, connections
from django.db.models import Count
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from replicas.choices import RunState
from replicas.lifecycle import lease as leases
from replicas.lifecycle.fencing import LeaseLost, fenced
from replicas.models import LogLine, Run
from replicas.stream.redaction import Redactor
from replicas.stream.writer import BATCH_LINES, HOLD_SECONDS, LINE_CHARS, LogWriter
from tests.replicas.lifecycle.rows import make_run
from tests.replicas.stream.following import UNIT, follow

pytestmark = pytest.mark.django_db(transaction=True)
HOLD_LOCK = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run() -> Run:
    run = make_run()
    assert leases.claim(run.pk) is not None
    return run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections that wait for SQLite's lock for a moment only."""
    if connection.vendor != "sqlite":
        pytest.skip("on PostgreSQL, tests/faults/test_services.py restarts the server instead")
    with monkeypatch.context() as patch:
        patch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.1)
        connection.close()
        yield
    connection.close()


@contextlib.contextmanager
def locked_database() -> Iterator[None]:
    """Another process holds SQLite's write lock."""
    argv = [sys.executable, "-c", HOLD_LOCK, str(connection.settings_dict["NAME"])]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()


def stored(run: Run) -> list[tuple[int, str]]:
    return list(LogLine.objects.filter(run=run).order_by("seq").values_list("seq", "text"))


def offsets(run: Run) -> dict[str, int]:
    found: dict[str, int] = Run.objects.values_list("offsets", flat=True).get(pk=run.pk)
    return found


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


@pytest.mark.parametrize("pieces", ["correct|horse|batt|ery", "cor|recthorsebattery", "|".join("correcthorsebattery")])
def test_a_secret_in_many_lines_that_come_one_after_the_other(run: Run, pieces: str) -> None:
    """Each is written alone, and looked at alone; of the first characters too few tell to wait for the others."""
    with LogWriter(run.pk, 1, Redactor("correcthorsebattery")) as writer:
        for piece in pieces.split("|"):
            writer.write(piece)
            time.sleep(0.06)
    texts = [text for _, text in stored(run)]
    assert len(texts) == len(pieces.split("|"))
    assert len("".join(texts).replace("********", "")) <= 3


def test_a_flush_that_cannot_wait_longer_gives_the_beginning_alone(run: Run) -> None:
    """Neither does another worker give the rest, which has not read the beginning."""
    with LogWriter(run.pk, 1, Redactor("correct-horse-battery")) as writer:
        writer.write("it is correct")
        writer.flush()
    redactor = Redactor()
    with LogWriter(run.pk, 1, redactor) as writer:
        redactor.add("correct-horse-battery")  # as the engine learns of it
        writer.write("-horse")
        writer.write("-battery, last")
    assert [text for _, text in stored(run)] == ["it is correct", "", ", last"]


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


def test_an_offset_is_stored_with_its_last_line(run: Run) -> None:
    redactor = Redactor("correct-horse-battery")
    with LogWriter(run.pk, 1, redactor) as writer:
        writer.write("one\ntwo", source=("u", 8))
        writer.write("beside it")
        writer.write("three: correct-ho", source=("u", 26))
        time.sleep(0.1)
        assert writer.offsets == {"u": 8}  # the last two lines wait for the rest of what may be a secret
        writer.write("rse-battery", source=("u", 38))
        writer.flush()
        assert writer.offsets == {"u": 38}
        assert offsets(run) == {"u": 38}
        writer.write("last words", source=("u", 49))
        writer.forget("u")
        writer.write("four", source=("v", 5))
    assert offsets(run) == {"v": 5}
    with LogWriter(run.pk, 1, redactor) as writer:
        assert writer.offsets == {"v": 5}


def test_a_flush_waits_for_the_rest_of_a_secret(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor("correct-horse-battery")) as writer:
        writer.write("correct-ho")
        threading.Timer(0.1, writer.write, ["rse-battery"]).start()
        writer.flush()
        assert stored(run) == [(1, "********"), (2, "")]


def test_a_secret_between_two_batches(run: Run) -> None:
    """Though the first half is old: the second one is there already."""
    with LogWriter(run.pk, 1, Redactor("correct-horse-battery")) as writer, writer._storing:  # a slow database
        writer.write("\n".join([*("x" for _ in range(BATCH_LINES - 1)), "correct-ho", "rse-battery"]))
        time.sleep(2 * HOLD_SECONDS)
    assert [text for _, text in stored(run)][-2:] == ["********", ""]


def test_what_no_database_can_hold(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor()) as writer:
        writer.write("nul \0, half a pair \ud800")
        writer.write("y" * (2 * LINE_CHARS + 1))
    assert stored(run)[0] == (1, "nul \ufffd, half a pair ?")
    assert [len(text) for _, text in stored(run)[1:]] == [LINE_CHARS, LINE_CHARS, 1]


def test_a_line_that_carriage_returns_rewrite_is_stored_once(run: Run) -> None:
    with LogWriter(run.pk, 1, Redactor()) as writer:
        writer.write("begin\n\r1 s\r2 s\r3 s\nend\r\n", source=("u", 24))
        writer.write("10%\r20%\r")
    assert stored(run) == [(1, "begin"), (2, "3 s"), (3, "end"), (4, "20%")]
    assert offsets(run) == {"u": 24}


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_away_for_a_while(run: Run) -> None:
    """Another process holds SQLite's lock for longer than a connection waits for it; no line is lost meanwhile."""
    with LogWriter(run.pk, 1, Redactor()) as writer:
        with locked_database():
            for number in range(1, 3001):
                writer.write(f"line {number}", source=("u", number))
            time.sleep(1)
            with pytest.raises(OperationalError):
                writer.flush(facts={})
        writer.flush(facts={"a": 1})
        assert stored(run) == [(number, f"line {number}") for number in range(1, 3001)]
        assert offsets(run) == {"u": 3000}


@pytest.mark.usefixtures("impatient")
def test_closing_while_the_database_is_away_takes_no_longer_than_the_lease(run: Run) -> None:
    end = time.monotonic() + 1.5
    with locked_database():
        with LogWriter(run.pk, 1, Redactor(), lambda: time.monotonic() > end) as writer:
            writer.write("too late")
        assert end < time.monotonic() < end + 2
    assert stored(run) == []


def test_nothing_is_written_when_the_lease_is_over(run: Run) -> None:
    over = threading.Event()
    with LogWriter(run.pk, 1, Redactor(), over.is_set) as writer:
        writer.write("one")
        writer.flush()
        over.set()
        with pytest.raises(LeaseLost):
            writer.write("two")
    assert stored(run) == [(1, "one")]


def test_a_commit_whose_answer_got_lost_is_not_repeated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may end between a commit and its answer. Two commits arrive here whose answers are thrown away."""
    lost = [True, True]

    @contextlib.contextmanager
    def answerless(run_id: int, fence: int, **changes: Any) -> Iterator[None]:
        with fenced(run_id, fence, **changes):
            yield
        if changes and lost:
            lost.pop()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("replicas.stream.writer.fenced", answerless)
    with LogWriter(run.pk, 1, Redactor()) as writer:
        writer.write("one\ntwo", source=("u", 8))
        time.sleep(0.1)
        writer.write("three", source=("u", 14))
    assert stored(run) == [(1, "one"), (2, "two"), (3, "three")]
    assert offsets(run) == {"u": 14}


def test_killed_followers_lose_and_double_nothing(run: Run, tmp_path: Path) -> None:
    lines = [f"{number} {'x' * (number % 60)}" for number in range(1, 60_001)]
    output = tmp_path / "output"
    output.write_text("".join(f"{line}\n" if len(line) % 7 else f"\r1 s\r2 s\r{line}\n" for line in lines), newline="")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.replicas.lifecycle.preload"])
    # Any moment will do, if enough is left to be interrupted.
    for moment in (*sorted(random.sample(range(len(lines) // 2), 4)), None):  # noqa: S311
        Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED)
        database = str(connection.settings_dict["NAME"])
        process = context.Process(target=follow, args=(database, run.pk, str(output)))
        process.start()
        if moment is not None:
            while Run.objects.filter(pk=run.pk, last_seq__lt=moment).exists():
                assert process.exitcode is None
            process.kill()
        process.join()
        assert process.exitcode == (0 if moment is None else -signal.SIGKILL)
    assert [text for _, text in stored(run)] == lines
    run.refresh_from_db()
    assert (run.last_seq, run.offsets) == (len(lines), {UNIT: output.stat().st_size})


SECRET = "correct-horse-battery"


@st.composite
def pieces(draw: st.DrawFn) -> list[str]:
    """The secret in one to as many lines as it has characters, within other words."""
    cuts = sorted(draw(st.sets(st.integers(1, len(SECRET) - 1))))
    parts = [SECRET[start:end] for start, end in itertools.pairwise([0, *cuts, len(SECRET)])]
    return ["say " * draw(st.booleans()) + parts[0], *parts[1:], "goes on"]


words = st.lists(st.sampled_from(["a", "", "say correct-ho", "rse-battery goes on", "x" * 30]), min_size=1, max_size=8)
texts = st.one_of(words, words, pieces())
acts: st.SearchStrategy[tuple[str, list[str], str | None]] = st.one_of(
    st.tuples(st.just("write"), texts, st.sampled_from([None, "u", "v"])),
    st.tuples(st.just("pieces"), pieces(), st.none()),
    st.tuples(st.just("flush"), st.just([]), st.none()),
    st.tuples(st.just("forget"), st.just([]), st.sampled_from(["u", "v"])),
    st.tuples(st.just("wait"), st.just([]), st.none()),
    st.tuples(st.just("restart"), st.just([]), st.none()),
)


@hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(acts, max_size=25))
def test_however_lines_are_batched(run: Run, script: list[tuple[str, list[str], str | None]]) -> None:
    """Offsets are those of the last stored lines, whenever one looks; and nothing is lost, doubled or out of order."""
    LogLine.objects.filter(run=run).delete()
    Run.objects.filter(pk=run.pk).update(last_seq=0, offsets={})
    written: list[str] = []
    sources: list[tuple[int, str, int]] = []  # with so many lines stored, this unit is read up to there

    def check() -> None:
        # One statement: on PostgreSQL each sees what was committed before it, also within a transaction.
        one = Run.objects.annotate(count=Count("lines")).values_list("last_seq", "count", "offsets").get(pk=run.pk)
        last_seq, count, known = one
        assert last_seq == count
        expected = {unit: offset for last, unit, offset in sources if last <= count}
        assert {unit: offset for unit, offset in known.items() if offset} == expected

    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(LogWriter(run.pk, 1, Redactor(SECRET)))
        for number, (act, words, unit) in enumerate(script, 1):
            if act == "write":
                written += words
                if unit:
                    sources.append((len(written), unit, number))
                writer.write("\n".join(words) + "\n", source=(unit, number) if unit else None)
            elif act == "pieces":
                written += words
                for word in words:
                    writer.write(word)
            elif act == "forget":
                writer.forget(unit or "")
                writer.flush(facts={})
                sources = [source for source in sources if source[1] != unit]
            elif act == "wait":
                time.sleep(0.06)
            elif act == "flush":
                writer.flush()
            else:
                stack.close()
                writer = stack.enter_context(LogWriter(run.pk, 1, Redactor(SECRET)))
            check()
    check()
    rows = stored(run)
    assert [seq for seq, _ in rows] == list(range(1, len(written) + 1))
    at_once = {act for act, _, _ in script} <= {"write", "pieces", "wait", "forget"}
    assert_replaced([text for _, text in rows], written, at_once)


def assert_replaced(told: list[str], written: list[str], at_once: bool) -> None:
    """What a flush or the end had to store may be the beginning of a secret; what comes then is not the rest of it."""
    whole = Redactor(SECRET).clean("\n".join(written)).split("\n") if written else []
    assert not at_once or told == whole
    assert all(text in both for text, *both in zip(told, written, whole, strict=True))
    assert Redactor(SECRET).clean("\n".join(told)) == "\n".join(told)
