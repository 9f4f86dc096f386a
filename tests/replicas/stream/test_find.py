"""A search finds each line that matches, once, in stretches that are bounded, wherever the lines are stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from replicas.choices import RunState
from replicas.models import LogLine, Run
from replicas.stream import chunks, find, lines
from replicas.stream.chunks import Line
from replicas.stream.find import Found, Query
from tests.replicas.lifecycle.rows import make_run

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ("Adding entry", "ERROR: no space", "\x1b[31mer\x1b[0mror in colour", "100% of Größe", "GRÖSSE a_b", "done")
LAST = 600


@pytest.fixture
def run() -> Run:
    """600 lines: six texts in turn; 200 lines a step; each fiftieth is a warning, each hundredth an error."""
    run = make_run()
    LogLine.objects.bulk_create(
        LogLine(
            run=run,
            seq=seq,
            step=(seq - 1) // 200 + 1,
            level="error" if seq % 100 == 0 else "warning" if seq % 50 == 0 else "info",
            text=f"{WORDS[seq % len(WORDS)]} {seq}",
            at=timezone.now(),
        )
        for seq in range(1, LAST + 1)
    )
    ended = timezone.now() - timedelta(days=1)
    Run.objects.filter(pk=run.pk).update(last_seq=LAST, state=RunState.FAILED, finished_at=ended)
    return run


@pytest.fixture(params=["rows", "half", "chunks"])
def stored(request: pytest.FixtureRequest, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(chunks, "CHUNK_LINES", 40)
    chunks.compress_some({"rows": 0, "half": 8, "chunks": 100}[request.param])
    return run


def everything(run: Run, query: Query, limit: int = 7) -> tuple[list[Line], list[Found]]:
    looks: list[Found] = []
    after = 0
    while after < LAST:
        looks.append(find.find(run.pk, query, after, LAST, limit))
        assert looks[-1].looked > after, "a look that gets nowhere"
        after = looks[-1].looked
    return [line for look in looks for line in look.lines], looks


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (Query(), lambda seq: True),
        (Query("ERROR"), lambda seq: seq % 6 in (1, 2)),
        (Query("error"), lambda seq: seq % 6 in (1, 2)),
        (Query("0% of"), lambda seq: seq % 6 == 3),
        (Query("0%"), lambda seq: seq % 6 == 3),
        (Query("a_b"), lambda seq: seq % 6 == 4),
        (Query("grö"), lambda seq: seq % 6 in (3, 4)),
        (Query("31m"), lambda seq: False),
        (Query(step=2), lambda seq: 200 < seq <= 400),
        (Query(level="warning"), lambda seq: seq % 50 == 0),
        (Query(level="error"), lambda seq: seq % 100 == 0),
        (Query("done", 3, "warning"), lambda seq: seq > 400 and seq % 50 == 0 and seq % 6 == 5),
    ],
)
def test_each_match_is_found_once(stored: Run, query: Query, matches: object) -> None:
    assert callable(matches)
    expected = [seq for seq in range(1, LAST + 1) if matches(seq)]
    found, looks = everything(stored, query)
    assert [line.seq for line in found] == expected
    assert all(len(look.lines) <= 7 for look in looks)
    assert everything(stored, query, 1000)[0] == found


def test_a_look_is_bounded(stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "ROWS_A_LOOK", 90)
    monkeypatch.setattr(find, "CHUNKS_A_LOOK", 2)
    found, looks = everything(stored, Query("nowhere"), 1000)
    assert found == []
    assert looks[0].looked in (80, 90)
    assert looks[-1].looked == LAST


def test_compressed_between_two_queries(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_LINES", 40)
    before, read = everything(run, Query("error"), 1000)[0], lines.chunks

    def meanwhile(run_id: int, wanted: range) -> Any:
        chunks.compress_some(2)
        return read(run_id, wanted)

    monkeypatch.setattr(find, "chunks", meanwhile)
    assert everything(run, Query("error"), 1000)[0] == before


def test_beyond_the_end_there_is_nothing(run: Run) -> None:
    assert find.find(run.pk, Query("done"), LAST + 5, LAST, 10) == Found([], LAST + 5)
    assert find.find(run.pk, Query(), LAST + 5, LAST, 10) == Found([], LAST + 5)
