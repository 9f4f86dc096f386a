"""Text from people, hosts and daemons, with everything visible that could hide or reorder the text around it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

MOST_MARKS = 4
"""Combining marks on one letter; more of them grow over the lines above and below."""
LONGEST_WORD = 80
"""Characters without a blank before a page may break a word; digests have 64."""
PIECE = 40
HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
)
"""Control characters, bidirectional controls, and characters without a width: static/js/visible.js has the same."""


def _combining() -> str:
    """Return the combining marks as the inside of a class of a regular expression."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.category(chr(code)) in ("Mn", "Me") and not re.match(f"[{HIDDEN}]", chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


RIGHT_TO_LEFT = (
    "\u0590-\u05ff\u0606-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
)
ODD = re.compile(f"[{HIDDEN}]|(?<=[{_combining()}]{{{MOST_MARKS}}})[{_combining()}]+")
REVERSED = re.compile(f"[{RIGHT_TO_LEFT}](?:[{RIGHT_TO_LEFT}\\s\u0300-\u036f]*[{RIGHT_TO_LEFT}])?")
LONG = re.compile(rf"[^\s<>&]{{{LONGEST_WORD + 1},}}")
UNUSUAL = re.compile(f"[{HIDDEN}{RIGHT_TO_LEFT}{_combining()}]")
TOKEN = re.compile(
    r"<!--.*?-->|<(?P<raw>script|style|textarea)\b.*?</(?P=raw)>|<(?P<bare>title|option|svg)\b.*?</(?P=bare)>|<[^>]*>|[^<]+",
    re.DOTALL | re.IGNORECASE,
)
TAG = re.compile(r"<[^>]*>|[^<]+")
ATTRIBUTE = re.compile(r"""(?P<name>[\w:-]+)=(?P<value>"[^"]*"|'[^']*')""")
DATA = frozenset(("value", "href", "action", "src", "content", "name", "id", "for"))
"""Attributes that are no words for people: their values stay as they are."""


def mark(text: str) -> str:
    """Return plain text in which hidden characters are named: "⟨U+202E⟩"."""
    return ODD.sub(lambda match: f"⟨{_name(match.group())}⟩", text)


def page(html: str) -> str:
    """Return a page in which hidden characters are named, right-to-left text is isolated, and long words can break."""
    # Hardly any page has such text, and each passes here: its distinct characters are few, and its long words too.
    unusual = UNUSUAL.search("".join(set(html)))
    if not unusual and not any(len(word) > LONGEST_WORD and LONG.search(word) for word in html.split()):
        return html
    return TOKEN.sub(_token, html)


def _name(characters: str) -> str:
    code = f"U+{ord(characters[0]):04X}"
    return code if len(characters) == 1 else f"{code} … {len(characters)}"


def _token(match: re.Match[str]) -> str:
    token = match.group()
    if match["raw"] or token.startswith("<!--"):
        return token
    if match["bare"]:
        return TAG.sub(lambda part: _tag(part.group()) if part.group().startswith("<") else mark(part.group()), token)
    return _tag(token) if token.startswith("<") else _text(token)


def _tag(tag: str) -> str:
    return ATTRIBUTE.sub(_attribute, tag) if ODD.search(tag) else tag


def _attribute(match: re.Match[str]) -> str:
    return match.group() if match["name"].lower() in DATA else f"{match['name']}={mark(match['value'])}"


def _text(text: str) -> str:
    for pattern, replacement in STEPS:
        text = pattern.sub(replacement, text)
    return text


def _chip(match: re.Match[str]) -> str:
    return f'<span class="hidden-character">⟨{_name(match.group())}⟩</span>'


def _broken(match: re.Match[str]) -> str:
    word = match.group()
    return "<wbr>".join(word[start : start + PIECE] for start in range(0, len(word), PIECE))


STEPS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (LONG, _broken),
    (REVERSED, lambda match: f"<bdi>{match.group()}</bdi>"),
    (ODD, _chip),
)
"""In this order: words are measured before anything is put into them, and marks are none of their letters."""
