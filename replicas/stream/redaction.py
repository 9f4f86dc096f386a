"""Keeping secrets out of logs, in every form in which a program is likely to print them."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from replicas.errors import StepError

MASK = "********"
SHORTEST = 6
"""A shorter secret occurs in innocent text, and guessing it is easier than reading a log."""
TELLING = 4
"""So many first characters of a secret at the end of what is there make it worth waiting for the next line."""


class Redactor:
    """Replaces secrets in text. Cheap when there are none: plain searches; one regular expression finds the place."""

    def __init__(self, *secrets: str | bytes) -> None:
        self._secrets: frozenset[bytes] = frozenset()
        self._forms: tuple[str, ...] = ()
        self._starts: frozenset[str] = frozenset()
        self._longest = 0
        self._pattern: re.Pattern[str] | None = None
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
        pattern = self._pattern
        if pattern is None:
            return text
        squeezed = "".join(text.split())
        if not any(form in squeezed for form in self._forms):
            return text
        return pattern.sub(_mask, text)

    def dangling(self, text: str) -> bool:
        """Whether the text ends with the first part of a secret, so that the next line may hold the rest."""
        tail = "".join(text[-8 * self._longest :].split()) if self._longest else ""
        return any(tail[-size:] in self._starts for size in range(TELLING, min(self._longest, len(tail)) + 1))

    def _compile(self, secrets: frozenset[bytes]) -> None:
        found = {"".join(form.split()) for secret in secrets for form in forms(secret)}
        ordered = sorted((form for form in found if len(form) >= TELLING), key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(r"\s*".join(map(re.escape, form)) for form in ordered))
        self._starts = frozenset(form[:size] for form in ordered for size in range(TELLING, len(form)))
        self._longest = len(ordered[0])
        self._forms, self._secrets = tuple(ordered), secrets


def forms(secret: bytes) -> Iterator[str]:
    """The ways in which a secret shows up in what programs print."""
    yield from _base64(secret)
    yield secret.hex()
    yield secret.hex().upper()
    yield secret.hex(":")
    yield secret.hex(":").upper()
    text = secret.decode(errors="replace")
    if "\ufffd" in text:
        return
    yield text
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    yield re.sub(r"([\"$`\\!])", r"\\\1", text)
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text, flags=re.ASCII)
    yield repr(text)[1:-1]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield escape(text)
    yield escape(text, {'"': "&quot;", "'": "&#x27;"})
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield re.sub("%..", lambda match: match[0].lower(), quote(text, safe=""))
    yield "".join(f"%{byte:02X}" for byte in secret)
    yield "".join(f"%{byte:02x}" for byte in secret)


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
