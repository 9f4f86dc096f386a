"""Colours that programs print for terminals (SGR of ECMA-48), as names of classes; each line begins without any."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[str, str]
"""Classes, separated by blanks, and the text that has them."""

ESCAPE = "\x1b"
"""What every colour begins with."""
SEQUENCE = re.compile(
    r"\x1b\[(?P<values>[0-?]*)[ -/]*(?P<final>[@-~])"  # CSI: colours end with m
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: links, titles
    r"|\x1b[@-Z\\-_]?"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]"
)
COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",)}
FOREGROUND, BACKGROUND = 38, 48
BRIGHT = 0xC0
"""A component of at least so much makes a colour a bright one."""


def plain(text: str) -> str:
    """The text as one reads it: no colours, and nothing else that controls a terminal."""
    return SEQUENCE.sub("", text) if ESCAPE in text or not text.isprintable() else text


def spans(text: str) -> list[Span]:
    """The text in pieces of one look each."""
    found: list[Span] = []
    look: dict[str, str] = {}
    start = 0
    for match in SEQUENCE.finditer(text):
        _add(found, look, text[start : match.start()])
        start = match.end()
        if match["final"] == "m":
            _change(look, match["values"])
    _add(found, look, text[start:])
    return found


def _add(found: list[Span], look: dict[str, str], text: str) -> None:
    if text:
        classes = " ".join(f"ansi-{name}" for name in look.values())
        if found and found[-1][0] == classes:
            text = found.pop()[1] + text
        found.append((classes, text))


def _change(look: dict[str, str], values: str) -> None:
    """What `values` (`1;31`) say of the text that follows; `look` is by what excludes each other."""
    codes = iter([int(value) if value.isdecimal() else 0 for value in re.split("[;:]", values)])
    for code in codes:
        if code == 0:
            look.clear()
        elif code in STYLES:
            look[STYLES[code]] = STYLES[code]
        elif code in ENDS:
            for name in ENDS[code]:
                look.pop(name, None)
        elif code in (FOREGROUND, BACKGROUND):
            _set(look, "on-" if code == BACKGROUND else "", _of_many(codes))
        elif code in (39, 49):
            look.pop("on-" if code == 49 else "", None)
        else:
            _basic(look, code)


def _basic(look: dict[str, str], code: int) -> None:
    tens, number = divmod(code, 10)
    if number < len(COLOURS) and tens in (3, 4, 9, 10):
        name = ("bright-" if tens >= 9 else "") + COLOURS[number]
        _set(look, "on-" if tens in (4, 10) else "", name)


def _set(look: dict[str, str], kind: str, name: str | None) -> None:
    if name:
        look[kind] = kind + name


def _of_many(codes: Iterator[int]) -> str | None:
    """The nearest of the sixteen: `5;N` of 256, `2;R;G;B` of all."""
    kind = next(codes, 0)
    if kind == 5:
        number = next(codes, 0)
        if number < 2 * len(COLOURS):
            return ("bright-" if number >= len(COLOURS) else "") + COLOURS[number % len(COLOURS)]
        return _nearest(*_cube(number))
    return _nearest(next(codes, 0), next(codes, 0), next(codes, 0)) if kind == 2 else None


def _cube(number: int) -> tuple[int, int, int]:
    """Red, green and blue of xterm's colours 16 to 255: a cube of six steps, then 24 greys."""
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    number -= 16
    red, green, blue = (step and 55 + 40 * step for step in (number // 36, number // 6 % 6, number % 6))
    return red, green, blue


def _nearest(*components: int) -> str:
    most = max(components)
    index = sum(1 << bit for bit, one in enumerate(components) if one > most // 2 and one >= 0x40)
    return ("bright-" if most >= BRIGHT and index else "") + COLOURS[index]
