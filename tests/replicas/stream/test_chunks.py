"""Old logs become chunks, and whoever reads them does not notice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from replicas.choices import RunState
from replicas.models import LogChunk, LogLine, Run
from replicas.stream import chunks, lines
from replicas.stream.chunks import Line
from tests.replicas.lifecycle.rows import make_run
from tests.replicas.stream.test_consumers import add_lines

database = pytest.mark.django_db(transaction=True)
text = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]))
moment = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
stored = st.builds(
    Line, st.just(0), moment, st.sampled_from(["info", "debug", "error"]), st.none() | st.integers(0, 99), text
)


@given(st.lists(stored, min_size=1), st.integers(1, 10**9))
def test_a_chunk_holds_what_was_packed(given: list[Line], first: int) -> None:
    numbered = [line._replace(seq=seq) for seq, line in enumerate(given, first)]
    assert chunks.unpack(chunks.pack(numbered), first) == numbered


@pytest.fixture
def run() -> Run:
    """Ended two hours ago, 2,350 lines."""
    run = make_run()
    add_lines(run, 2350)
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, finished_at=timezone.now() - timedelta(hours=2))
    return run


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_LINES", 100)


def everything(run: Run) -> list[Line]:
    return [line for page in lines.everything(run.pk) for line in page]


@database
@pytest.mark.usefixtures("small")
def test_readers_do_not_notice(run: Run) -> None:
    before = everything(run)
    assert [line.seq for line in before] == list(range(1, 2351))
    assert chunks.compress_some(7) == 7
    assert LogLine.objects.filter(run=run).count() == 1650
    assert everything(run) == before
    for after in (0, 1, 99, 100, 650, 699, 700, 701, 2349):
        for limit in (1, 100, 1000, 5000):
            assert lines.page(run.pk, after, limit) == before[after : after + limit]
    call_command("compress_logs")
    assert LogLine.objects.filter(run=run).count() == 0
    assert everything(run) == before
    assert lines.page(run.pk, 2350, 10) == []


@database
@pytest.mark.usefixtures("small")
def test_compressed_between_two_queries(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst moment: after the rows were read, and before the chunks are."""
    before = everything(run)
    read = lines.from_chunks

    def meanwhile(run_id: int, wanted: range) -> list[Line]:
        chunks.compress_some(3)
        return read(run_id, wanted)

    chunks.compress_some(1)
    monkeypatch.setattr(lines, "from_chunks", meanwhile)
    assert lines.page(run.pk, 50, 400) == before[50:450]


@database
@pytest.mark.usefixtures("small")
def test_compressed_while_it_is_read(run: Run) -> None:
    before = everything(run)

    def compress() -> None:
        chunks.compress_some(100)
        connection.close()

    compressing = threading.Thread(target=compress)
    compressing.start()
    while compressing.is_alive():
        assert everything(run) == before
    assert everything(run) == before


@database
def test_only_what_rests(run: Run, settings: Settings) -> None:
    settings.LOG_CHUNK_HOURS = 3
    assert chunks.compress_some() == 0
    settings.LOG_CHUNK_HOURS = 1
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED)
    assert chunks.compress_some() == 0


@database
def test_retried_at_the_same_moment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = chunks.pack

    def retried(found: list[Line]) -> bytes:
        Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, finished_at=None)
        return pack(found)

    monkeypatch.setattr(chunks, "pack", retried)
    assert chunks.compress_some() == 0
    assert LogChunk.objects.count() == 0
    assert LogLine.objects.filter(run=run).count() == 2350


@database
@pytest.mark.usefixtures("small")
def test_a_retried_run_goes_on_behind_its_chunks(run: Run) -> None:
    chunks.compress_some(100)
    run.refresh_from_db()
    add_lines(run, 250)
    assert [line.seq for line in everything(run)] == list(range(1, 2601))
    chunks.compress_some(100)
    assert [line.seq for line in everything(run)] == list(range(1, 2601))
    assert LogLine.objects.filter(run=run).count() == 0


@database
@pytest.mark.usefixtures("small")
def test_two_compress_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(run)
    pack = chunks.pack
    others: Iterator[int] = iter([1])

    def faster(found: list[Line]) -> bytes:
        if next(others, 0):
            assert chunks.compress_next(run.pk)
        return pack(found)

    monkeypatch.setattr(chunks, "pack", faster)
    assert not chunks.compress_next(run.pk)
    assert LogChunk.objects.count() == 1
    assert everything(run) == before
