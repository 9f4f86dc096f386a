"""What a terminal would show of a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas.stream import ansi


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("nothing special\there", [("", "nothing special\there")]),
        ("\x1b[1;31mERROR\x1b[0m: disk", [("ansi-bold ansi-red", "ERROR"), ("", ": disk")]),
        ("\x1b[31mred \x1b[32mgreen\x1b[39m", [("ansi-red", "red "), ("ansi-green", "green")]),
        ("\x1b[93;44mwarn\x1b[49mless", [("ansi-bright-yellow ansi-on-blue", "warn"), ("ansi-bright-yellow", "less")]),
        ("\x1b[1;4ma\x1b[22mb\x1b[mc", [("ansi-bold ansi-underline", "a"), ("ansi-underline", "b"), ("", "c")]),
        ("\x1b[38;5;196mcube\x1b[48;5;4mlow", [("ansi-bright-red", "cube"), ("ansi-bright-red ansi-on-blue", "low")]),
        ("\x1b[38;5;252mgrey \x1b[38;2;0;128;0mtrue", [("ansi-bright-white", "grey "), ("ansi-green", "true")]),
        ("\x1b[38;2;1mshort\x1b[38mer", [("ansi-black", "shorter")]),
        ("\x1b]8;;https://evil.example/\x07link\x1b]8;;\x1b\\ \x1b[2K\x1b[10;5Hhere\x1b", [("", "link here")]),
        ("one\x1b[31m\x1b[0mpiece\x08\x07", [("", "onepiece")]),
    ],
)  # fmt: skip
def test_spans(text: str, expected: list[ansi.Span]) -> None:
    assert ansi.spans(text) == expected
    assert ansi.plain(text) == "".join(part for _, part in expected)


PIECES = ("\x1b", "[", "]", "3", ";", "m", "8", "K", "a", "\x07", "\\", "ä")


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    shown = ansi.plain(text)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert shown == "".join(part for _, part in ansi.spans(text))
