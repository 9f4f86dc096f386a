"""Tables as spreadsheets save and copy them: bytes become text, and text becomes rows of clean cells."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

DELIMITERS = "\t;,|"
MARKS = (  # that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WORKBOOKS = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")
"""How files of Excel and LibreOffice begin, and PDF and gzip."""
CLOSING = {"“": "”“", "„": "“”", "”": "”", "«": "»", "»": "«", "‹": "›", "›": "‹", "‘": "’", "‚": "‘’", "’": "’"}
"""The quotes that word processors put in the place of straight ones, each with those that may close it."""
HIDDEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Characters without width, which come with what is copied from web pages and documents."""
UNSEEN = r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
"""One character that is hidden or a space."""
OTHER_SPACES = re.compile("[\u00a0\u2007\u202f]")
MOST_LINES = 10_000
"""Rows that are read, comments among them."""
MOST_CELLS = 16_384
"""Cells of a row: the columns of Excel and LibreOffice."""
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
NEWLINE = re.compile(r"\r\n|\r|\n")
STRAIGHT = re.compile(r'"((?:[^"]|"")*+)"')


RULER = re.compile(r":?-{2,}:?")
"""A cell below the titles of a table in Markdown."""


class Row(NamedTuple):
    """The line in which a row begins, and its cells."""

    line: int
    cells: list[str]


class TableError(Exception):
    """What keeps a text from being read as a table, with the line and the number of the column, both from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.column, self.problem = line, column, problem


def decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16, UTF-32 or Windows-1252. Raises ValidationError."""
    if data.startswith(WORKBOOKS):
        raise ValidationError(
            _("This is not a text file but a workbook or an archive. In the spreadsheet, save the sheet as CSV.")
        )
    try:
        return data.decode(_encoding(data)).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise ValidationError(
            _("The file cannot be read as text (byte %(at)d). In the spreadsheet, save the sheet as CSV UTF-8.")
            % {"at": error.start}
        ) from error


def _encoding(data: bytes) -> str:
    for mark, name in MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data:  # the columns' names are ASCII: one byte of two is zero
        return "utf-16-be" if data[0::2].count(0) > data[1::2].count(0) else "utf-16-le"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def parse(text: str, is_column: Callable[[str], bool]) -> list[Row]:
    """Return the rows that are neither empty nor a comment (`#`) nor a ruler (`---`), the names of the columns first.

    What separates the cells is what a first line `sep=` names, or else what finds most of the columns' names.

    Raises TableError.
    """
    text = text.lstrip("\ufeff")
    named = re.match(r'\s*"?sep=([\t;,|])"?[\t;, ]*(?=[\r\n]|\Z)', text, re.IGNORECASE)
    if named:
        skipped = "\n" * len(NEWLINE.findall(named[0]))
        return _filled(_rows(skipped + text[named.end() :], named[1]))
    heads = {delimiter: _head(text, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda one: (sum(map(is_column, heads[one])), len(heads[one])))
    return _filled(_rows(text, best))


def clean(cell: str) -> str:
    """Return a cell without what people do not see, and without what marks it as text (`'22`, `="22"`)."""
    cell = OTHER_SPACES.sub(" ", HIDDEN.sub("", cell)).strip().strip("\u200c\u200d").strip()
    if marked := re.fullmatch(r'="([^"]*)"', cell):
        return marked[1].strip()
    if cell.startswith("'"):
        return cell.removeprefix("'").removesuffix("'").strip()
    return cell


def _head(text: str, delimiter: str) -> list[str]:
    try:
        return next(iter(_filled(_rows(text, delimiter), most=1)), Row(1, [])).cells
    except TableError:
        return []


def _filled(rows: Iterator[Row], most: int | None = None) -> list[Row]:
    filled = []
    for row in rows:
        seen = list(filter(None, row.cells))
        if seen and not seen[0].startswith("#") and not all(map(RULER.fullmatch, seen)):
            filled.append(row)
        if len(filled) == most:
            break
    return filled


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Yield every row that is not blank. A quoted cell may hold line breaks, which count for the lines.

    Raises TableError.
    """
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    blank = re.compile(rf"(?:[ \u00a0{re.escape(delimiter)}]*+(?:\r\n|\r|\n))++")
    at, line, first, cells, count = 0, 1, 1, list[str](), 0
    while at < len(text):
        if not cells and (skipped := blank.match(text, at)):
            at = skipped.end()
            line += len(NEWLINE.findall(skipped[0]))
            first = line
            continue
        if len(cells) == MOST_CELLS:
            raise TableError(line, MOST_CELLS + 1, _("A row has at most %(most)d cells.") % {"most": MOST_CELLS})
        value, end = _quoted(text, at, delimiter, line, len(cells) + 1) or _plain(plain, text, at)
        if found := CONTROL.search(value):
            code = f"U+{ord(found[0]):04X}"
            raise TableError(line, len(cells) + 1, _("The cell has the control character %(code)s.") % {"code": code})
        cells.append(clean(value))
        line += len(NEWLINE.findall(text, at, end))
        at = end
        if text.startswith(delimiter, at):
            at += 1
            if at < len(text):
                continue
            cells.append("")
        count += 1
        if count > MOST_LINES:
            raise TableError(line, 1, _("It has more than %(most)d rows.") % {"most": MOST_LINES})
        yield Row(first, cells)
        newline = NEWLINE.match(text, at)
        line, at = line + 1, newline.end() if newline else at
        first, cells = line, []


def _plain(plain: re.Pattern[str], text: str, at: int) -> tuple[str, int]:
    match = plain.match(text, at)
    return (match[0], match.end()) if match else ("", at)


def _quoted(text: str, at: int, delimiter: str, line: int, column: int) -> tuple[str, int] | None:
    """Return the content of the quoted cell that begins here, and where it ends; None when it is not quoted."""
    start = _past_spaces(text, at, delimiter)
    opening = text[start : start + 1]
    if opening == '"':
        match = STRAIGHT.match(text, start)
        if match is None:
            raise TableError(line, column, _("A quotation mark opens here and is never closed."))
        value = match[1].replace('""', '"')
    elif opening in CLOSING:
        match = re.compile(rf"{opening}([^{CLOSING[opening]}\r\n]*)[{CLOSING[opening]}]").match(text, start)
        value = match[1] if match else ""
    else:
        return None
    end = _past_spaces(text, match.end(), delimiter) if match else -1
    if match and (end == len(text) or text[end] in f"{delimiter}\r\n"):
        return value, end
    if opening == '"' and delimiter != "\t":  # what is copied from a spreadsheet has quotes in the middle of cells
        raise TableError(line, column, _("Text follows the closing quotation mark."))
    return None


def _past_spaces(text: str, at: int, delimiter: str) -> int:
    match = re.compile(rf"(?:(?![{re.escape(delimiter)}\r\n]){UNSEEN})*+").match(text, at)
    return match.end() if match else at
