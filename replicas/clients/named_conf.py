"""The grammar of BIND's configuration: statements of words and blocks, with comments and quoted strings."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from replicas.errors import DnsError

TOKEN = re.compile(
    r'(?P<skip>\s+|/\*.*?\*/|(?://|\#)[^\n]*)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[{};])|(?P<word>[^\s{};"]+)',
    re.DOTALL,
)
COMMENT_IN_WORD = re.compile(r"//|/\*|#")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement up to its semicolon: its words, and the statements of each of its blocks."""

    words: tuple[str, ...]
    blocks: tuple[tuple[Statement, ...], ...] = ()

    @property
    def keyword(self) -> str:
        return self.words[0].lower() if self.words else ""

    @property
    def body(self) -> tuple[Statement, ...]:
        """Return the statements of the last block, which is that of a zone, a view or a key."""
        return self.blocks[-1] if self.blocks else ()

    def value(self, keyword: str) -> str:
        """Return the first value of a statement in the body, or an empty string."""
        found = (one.words[1] for one in self.body if one.keyword == keyword and len(one.words) > 1)
        return next(found, "")


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of the configuration: its name without the final dot, its type and class in lower case, its view.

    `journal` is the path of the file that takes its changes, where the configuration tells it.
    """

    name: str
    type: str
    view: str = ""
    cls: str = "in"
    journal: str = field(default="", compare=False)


TYPES = {"master": "primary", "slave": "secondary"}
"""Older words, and those of today."""


def parse(text: str) -> tuple[Statement, ...]:
    """Return the statements of a configuration. Raises DnsError for text that does not follow the grammar."""
    return tuple(_statements(_tokens(text), top=True))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind ("mark" or "word") and text of each token."""
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise _unreadable(text, position)
        position = found.end()
        if found.lastgroup == "quoted":
            yield "word", re.sub(r"\\(.)", r"\1", found.group("quoted"))
        elif found.lastgroup == "word":
            word = found.group("word")
            if comment := COMMENT_IN_WORD.search(word):
                position = found.start() + comment.start()
                word = word[: comment.start()]
            if not word:
                raise _unreadable(text, position)  # A comment that does not end.
            yield "word", word
        elif found.lastgroup == "mark":
            yield "mark", found.group("mark")


def _unreadable(text: str, position: int) -> DnsError:
    """Name the line only: the text may hold a key."""
    line = text.count("\n", 0, position) + 1
    return DnsError(f"The configuration of the name server cannot be read from line {line} on.")


def _statements(tokens: Iterator[tuple[str, str]], top: bool = False) -> Iterator[Statement]:
    """Yield the statements up to the end of the text, or of a block."""
    words: list[str] = []
    blocks: list[tuple[Statement, ...]] = []
    for kind, text in tokens:
        if kind == "word":
            words.append(text)
        elif text == "{":
            blocks.append(tuple(_statements(tokens)))
        elif text == ";":
            if words or blocks:
                yield Statement(tuple(words), tuple(blocks))
            words, blocks = [], []
        elif top:
            raise DnsError("The configuration of the name server has a closing brace too many.")
        else:
            if words or blocks:
                yield Statement(tuple(words), tuple(blocks))
            return
    if not top or words or blocks:
        raise DnsError("The configuration of the name server ends in the middle of a statement.")


def zones(text: str) -> tuple[Zone, ...]:
    """Return every zone that is configured, in any view, of any type. Raises DnsError."""
    found: list[Zone] = []
    statements = parse(text)
    folder = next((one.value("directory") for one in statements if one.keyword == "options"), "")
    for one in statements:
        if one.keyword == "zone":
            found.append(_zone(one, folder))
        elif one.keyword == "view" and len(one.words) > 1:
            cls = one.words[2].lower() if len(one.words) > 2 else "in"
            found += [_zone(inner, folder, one.words[1], cls) for inner in one.body if inner.keyword == "zone"]
    return tuple(found)


def _zone(statement: Statement, folder: str, view: str = "", cls: str = "in") -> Zone:
    """A zone with `in-view` has no type: the view that it names has the zone."""
    name = statement.words[1] if len(statement.words) > 1 else ""
    kind = statement.value("type").lower()
    own = statement.words[2].lower() if len(statement.words) > 2 else cls
    journal = statement.value("journal") or (f"{file}.jnl" if (file := statement.value("file")) else "")
    path = posixpath.join(folder, journal) if journal else ""
    return Zone(name.rstrip(".").lower() or ".", TYPES.get(kind, kind), view, own, path if path[:1] == "/" else "")


def keys(text: str) -> dict[str, tuple[str, str]]:
    """Return algorithm and secret of each complete key statement, by its name. Raises DnsError."""
    found = {}
    for one in parse(text):
        algorithm, secret = one.value("algorithm"), one.value("secret")
        if one.keyword == "key" and len(one.words) > 1 and algorithm and secret:
            found[one.words[1]] = (algorithm, secret)
    return found
