"""Output in pieces: whole lines with the byte behind them, and what stands on a line that is being rewritten."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from replicas.hostside.follow import PIECE, Output
from replicas.stream.writer import settled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "output"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_a_line_that_is_rewritten_is_shown_at_once_and_handed_over_when_it_ends(path: Path) -> None:
    output = Output(str(path), 0)
    assert (output.piece(False), output.shown) == (b"", b"")
    append(path, b"Starting replication\n")
    assert (output.piece(False), output.shown) == (b"Starting replication\n", b"")
    for second in (b"1 s", b"2 s", b"3 s"):
        append(path, b"\r" + second)
        assert (output.piece(False), output.shown, output.offset) == (b"", second, 21)
    append(path, b"\nsucceeded\n")
    assert output.piece(False) == b"\r1 s\r2 s\r3 s\nsucceeded\n"
    assert (output.shown, output.offset) == (b"", path.stat().st_size)


def test_carriage_returns_behind_each_state(path: Path) -> None:
    output = Output(str(path), 0)
    append(path, b"10%\r")
    assert (output.piece(False), output.shown) == (b"", b"10%")
    append(path, b"20%\r\n")
    assert (output.piece(False), output.shown) == (b"10%\r20%\r\n", b"")


def test_a_line_without_carriage_returns_is_not_shown_before_its_end(path: Path) -> None:
    append(path, b"half a li")
    output = Output(str(path), 0)
    assert (output.piece(False), output.shown) == (b"", b"")
    assert output.piece(True) == b"half a li"


def test_who_takes_over_begins_with_the_line_that_has_no_end(path: Path) -> None:
    append(path, b"one\n\r1 s\r2 s")
    first = Output(str(path), 0)
    assert first.piece(False) == b"one\n"
    second = Output(str(path), first.offset)
    assert (second.piece(False), second.shown) == (b"", b"2 s")
    assert second.piece(True) == b"\r1 s\r2 s"


def test_an_hour_of_seconds_on_one_line_is_a_few_lines_of_whole_states(path: Path) -> None:
    said = b"".join(b"\rUpdate in progress, %d seconds elapsed" % second for second in range(1, 3601))
    append(path, said + b"\n")
    output, pieces = Output(str(path), 0), list[bytes]()
    while data := output.piece(False):
        pieces.append(data)
    assert b"".join(pieces) == said + b"\n"
    lines = [settled(piece.decode()) for piece in pieces]
    assert len(lines) == len(said) // PIECE + 1
    assert all(line.startswith("Update in progress, ") for line in lines)
    assert all(line.strip().endswith("seconds elapsed") for line in lines)
    assert lines[-1] == "Update in progress, 3600 seconds elapsed\n"


def test_much_that_came_at_the_end_is_cut_at_line_ends(path: Path) -> None:
    append(path, b"".join(b"line %d\n" % number for number in range(20_000)) + b"rest")
    output, pieces = Output(str(path), 0), list[bytes]()
    while data := output.piece(True):
        pieces.append(data)
    assert b"".join(pieces) == path.read_bytes()
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    assert pieces[-1].endswith(b"rest")


words = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"1 s", b"x" * 50]), max_size=12).map(b"".join)


@hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(st.tuples(words, st.booleans()), max_size=12))
def test_however_it_is_written_and_followed(path: Path, writes: list[tuple[bytes, bool]]) -> None:
    """Whoever takes over, and wherever: what was handed over is what was written, and settles to the same lines."""
    path.write_bytes(b"")
    output, pieces = Output(str(path), 0), list[bytes]()
    for data, killed in writes:
        append(path, data)
        pieces.append(output.piece(False))
        assert pieces[-1] == b"" or pieces[-1].endswith(b"\n")
        if killed:
            output = Output(str(path), output.offset)
    pieces.append(output.piece(True))
    whole = path.read_bytes()
    assert b"".join(pieces) == whole
    assert output.offset == len(whole)
    assert "".join(settled(piece.decode()) for piece in pieces) == settled(whole.decode())
