"""Keeping secrets out of logs, in every form in which a program is likely to print them."""

from __future__ import annotations

import base64
import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from replicas.errors import StepError

MASK = "********"
SHORTEST = 6
"""A shorter secret occurs in innocent text, and guessing it is easier than reading a log."""
TELLING = 4
"""So many first characters of a secret at the end of what is there make it worth waiting for the next line."""

NORMAL_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
"""Of Unicode (UAX #15)."""
ESCAPE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])"
"""A control sequence of a terminal (ECMA-48): a colour, say."""
GAP = rf"(?:\s|\\[nrt\n]|{ESCAPE})*"
"""What may stand between two characters: colours, and lines that were broken, also where the break is quoted."""
ESCAPES = re.compile(ESCAPE)
QUOTED_BREAK = re.compile(r"\\(?:[nrt]|(?=\n))")


class Redactor:
    """Replaces secrets in text. Cheap when there are none: plain searches; a regular expression finds the place."""

    def __init__(self, *secrets: str | bytes) -> None:
        self._secrets: frozenset[bytes] = frozenset()
        self._forms: tuple[str, ...] = ()
        """The longest first: of two that overlap, it goes whole."""
        self._heads: dict[str, list[str]] = {}
        """The forms by their first characters."""
        self._longest = 0
        self.add(*secrets)

    def add(self, *secrets: str | bytes) -> None:
        """Replace these too from now on. Raises StepError for one that is too short; an empty one is nothing."""
        given = {secret.encode() if isinstance(secret, str) else secret for secret in secrets if secret}
        if any(len(secret) < SHORTEST for secret in given):
            raise StepError(
                f"A secret of fewer than {SHORTEST} characters cannot be kept out of the log.", "Choose a longer one."
            )
        if not given <= self._secrets:
            self._compile(self._secrets | given)

    def clean(self, text: str) -> str:
        """The text with secrets replaced; it has as many line breaks as before."""
        if self._forms:
            squeezed = _squeezed(text)
            bare = _bare(squeezed[-1]) if "\\" in text else ""
            for form in self._forms:
                if any(form in one for one in squeezed) or (bare and _bare(form) in bare):
                    text = re.sub(GAP.join(map(re.escape, form)), _mask, text)
        return text

    @property
    def reach(self) -> int:
        """So many characters, without gaps, a secret has at most."""
        return self._longest

    def dangling(self, text: str) -> int:
        """In how many of its last lines the text may have begun a secret that goes on behind it; 0 where it has not."""
        if not self._longest:
            return 0
        views = (_plain, _unquoted, lambda part: _bare(_unquoted(part))) if "\\" in text else (_plain,)
        return max(self._begun(text, view) for view in views)

    def _begun(self, text: str, view: Callable[[str], str]) -> int:
        size = self._start(view(f"{text}\n"))
        lines, count = text.split("\n"), 0
        while size and len(view("\n".join([*lines[-count - 1 :], ""]))) < size:
            count += 1
        return count + 1 if size else 0

    def _start(self, tail: str) -> int:
        """How many characters at the end begin one of the forms; the most, as it is not known which one it will be."""
        tail = tail[1 - self._longest :]
        for at in range(len(tail) - TELLING + 1):
            rest = tail[at:]
            forms = self._heads.get(rest[:TELLING], ())
            if any(len(form) > len(rest) and form.startswith(rest) for form in forms):
                return len(rest)
        return 0

    def _compile(self, secrets: frozenset[bytes]) -> None:
        found = {squeezed for secret in secrets for form in forms(secret) for squeezed in _squeezed(form)}
        ordered = sorted((form for form in found if len(form) >= TELLING), key=lambda form: (-len(form), form))
        heads: dict[str, list[str]] = {}
        for form in {*ordered, *map(_bare, ordered)}:
            heads.setdefault(form[:TELLING], []).append(form)
        self._longest, self._heads = len(ordered[0]), heads
        self._forms, self._secrets = tuple(ordered), secrets


def forms(secret: bytes) -> Iterator[str]:
    """The ways in which a secret shows up in what programs print."""
    yield from _base64(secret)
    yield secret.hex()
    yield secret.hex().upper()
    yield secret.hex(":")
    yield secret.hex(":").upper()
    try:
        text = secret.decode()
    except UnicodeDecodeError:  # no text: nothing prints it as one
        return
    yield text
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    yield re.sub(r"([\"$`\\!])", r"\\\1", text)
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text, flags=re.ASCII)
    yield repr(text)[1:-1]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield escape(text)
    for apostrophe in ("'", "&#x27;", "&#39;", "&apos;"):
        yield escape(text, {'"': "&quot;", "'": apostrophe})
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield re.sub("%..", lambda match: match[0].lower(), quote(text, safe=""))
    yield "".join(f"%{byte:02X}" for byte in secret)
    yield "".join(f"%{byte:02x}" for byte in secret)
    if not text.isascii():
        yield from _beyond_ascii(text)


def _beyond_ascii(text: str) -> Iterator[str]:
    """The ways in which programs print letters that ASCII lacks: normalized, escaped, replaced, or in another code."""
    for form in NORMAL_FORMS:
        yield unicodedata.normalize(form, text)
    secret = text.encode()
    yield secret.decode("latin-1")
    yield secret.decode("cp1252", "replace")
    yield ascii(text)[1:-1]
    yield repr(secret)[2:-1]
    yield re.sub(r"\\u[0-9a-f]{4}", lambda match: f"\\u{match[0][2:].upper()}", json.dumps(text)[1:-1])
    yield text.encode("ascii", "backslashreplace").decode()
    yield text.encode("ascii", "xmlcharrefreplace").decode()
    yield "".join(letter if letter.isascii() else f"&#x{ord(letter):x};" for letter in text)
    for escaped in ("\\{:03o}", "\\x{:02x}", "\\x{:02X}", "\\{:02x}", "\\{:02X}"):
        yield "".join(chr(byte) if byte < 0x80 else escaped.format(byte) for byte in secret)
    # The rest differs from innocent text only if it has enough of the secret.
    if sum(letter.isascii() for letter in text) >= SHORTEST:
        for blank in "?\ufffd":
            yield "".join(letter if letter.isascii() else blank for letter in text)
            yield "".join(chr(byte) if byte < 0x80 else blank for byte in secret)


def _squeezed(text: str) -> tuple[str, ...]:
    """Without anything that GAP stands for; a backslash before a line break may be the text's own, so with it, too."""
    return (_plain(text), _unquoted(text)) if "\\" in text else (_plain(text),)


def _plain(text: str) -> str:
    return "".join(_uncoloured(text).split())


def _unquoted(text: str) -> str:
    return "".join(QUOTED_BREAK.sub("", _uncoloured(text)).split())


def _uncoloured(text: str) -> str:
    return ESCAPES.sub("", text) if "\x1b" in text else text


def width(text: str) -> int:
    """How many characters the text has at least, without gaps."""
    return len(_bare(_unquoted(text)) if "\\" in text else _plain(text))


def _bare(text: str) -> str:
    """Without backslashes: of one before a line break nobody knows whether it is the text's own."""
    return text.replace("\\", "")


def _base64(secret: bytes) -> Iterator[str]:
    """At the three positions that a secret can have in something longer, less the characters its neighbours share."""
    for offset in range(3):
        padded = b"\0" * offset + secret
        core = slice(-(-offset * 8 // 6), len(padded) * 8 // 6)
        yield base64.b64encode(padded).decode()[core]
        yield base64.urlsafe_b64encode(padded).decode()[core]


def _mask(match: re.Match[str]) -> str:
    """Line breaks stay, so that lines keep their number."""
    return MASK + "\n" * match[0].count("\n")
