"""No form of a secret gets through, and nothing else is harmed."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import hypothesis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replicas.errors import StepError
from replicas.stream.redaction import MASK, Redactor
from tests.replicas.typed import TYPED

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=8, max_size=40)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "shell": shlex.quote,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "upper hex": lambda secret: secret.encode().hex().upper(),
    "json": json.dumps,
    "json in unicode": lambda secret: json.dumps(secret, ensure_ascii=False),
    "percent": quote,
    "percent, all": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "python": repr,
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "hex with colons": lambda secret: secret.encode().hex(":"),
    "hex with spaces": lambda secret: secret.encode().hex(" ", 2),
    "xml": lambda secret: escape(secret, {'"': "&quot;"}),
    "html": html.escape,
    "python, bytes": lambda secret: repr(secret.encode()),
    "python, ascii": ascii,
    "composed": lambda secret: unicodedata.normalize("NFC", secret),
    "decomposed": lambda secret: unicodedata.normalize("NFD", secret),
    "compatible": lambda secret: unicodedata.normalize("NFKC", secret),
    "numeric references": lambda secret: secret.encode("ascii", "xmlcharrefreplace").decode(),
    "octal": lambda secret: by_byte(secret, "\\{:03o}"),
    "a directory's escapes": lambda secret: by_byte(secret, "\\{:02x}"),
    "a journal's escapes": lambda secret: by_byte(secret, "\\x{:02x}"),
    "another code": lambda secret: secret.encode().decode("latin-1"),
    "double quotes": lambda secret: re.sub(r'([\\"$`!])', r"\\\1", secret),
}


def by_byte(secret: str, escaped: str) -> str:
    """The text with each byte that ASCII lacks written in that way."""
    return "".join(chr(byte) if byte < 0x80 else escaped.format(byte) for byte in secret.encode())


BREAKS = ("\n", "\r\n", "\n ", "\\\n", "\\n", "\\r\\n", "\n\t")
"""Between the lines of a block: plain, as LDIF folds, as shells continue, and as quoted by repr or JSON."""


@pytest.mark.parametrize("form", FORMS)
@hypothesis.settings(max_examples=30)
@given(secret=SECRETS)
def test_form_is_replaced(form: str, secret: str) -> None:
    printed = FORMS[form](secret)
    hypothesis.assume(printed not in MASK)
    cleaned = Redactor(secret).clean(f"before {printed} after")
    assert MASK in cleaned
    assert printed not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", TYPED)
def test_letters_that_ascii_lacks(secret: str, form: str) -> None:
    cleaned = Redactor(secret).clean(f"before {FORMS[form](secret)} after")
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert MASK in cleaned
    assert FORMS[form](secret).strip("'\"") not in cleaned


@pytest.mark.parametrize("blank", ["?", "\ufffd"])
def test_letters_that_were_replaced(blank: str) -> None:
    """A program under another locale writes a mark for each byte or letter that it cannot print."""
    for printed in (f"Geheim{blank}2026", f"Geheim{2 * blank}2026"):
        assert Redactor(TYPED[0]).clean(f"password {printed}!") == f"password {MASK}!"
    assert Redactor("\u05d0" * 8).clean(blank * 8) == blank * 8, "nothing of the secret is in there"


@given(secret=SECRETS, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_inside_a_base64_block(secret: str, before: bytes, after: bytes) -> None:
    block = base64.b64encode(before + secret.encode() + after).decode()
    assert MASK in Redactor(secret).clean(block)


@given(secret=SECRETS, data=st.data())
def test_broken_over_lines(secret: str, data: st.DataObject) -> None:
    printed = FORMS[data.draw(st.sampled_from(["plain", "base64", "hex"]))](secret)
    at = data.draw(st.integers(1, len(printed) - 1))
    cleaned = Redactor(secret).clean(f"one\n{printed[:at]}\n {printed[at:]}\nfour")
    assert MASK in cleaned
    assert cleaned.count("\n") == 3


@pytest.mark.parametrize("form", FORMS)
@hypothesis.settings(max_examples=30)
@example(secret="0000000\ufffd", width=1, between="\n")
@example(secret="0000000\\", width=1, between="\\\n")
@given(secret=SECRETS, width=st.integers(1, 76), between=st.sampled_from(BREAKS))
def test_every_form_in_a_block_of_lines(form: str, secret: str, width: int, between: str) -> None:
    printed = FORMS[form](secret)
    block = between.join(printed[at : at + width] for at in range(0, len(printed), width))
    cleaned = Redactor(secret).clean(f"before\n{block}\nafter")
    assert MASK in cleaned
    assert cleaned.startswith("before\n")
    assert cleaned.endswith("\nafter")
    assert cleaned.count("\n") == block.count("\n") + 2


@given(secret=SECRETS, before=st.binary(max_size=50))
def test_base64_as_programs_wrap_and_quote_it(secret: str, before: bytes) -> None:
    wrapped = base64.encodebytes(before + secret.encode()).decode()
    for printed in (wrapped, repr(wrapped), json.dumps({"p12": wrapped})):
        assert MASK in Redactor(secret).clean(printed)


@given(text=st.text(max_size=200))
def test_innocent_text_stays(text: str) -> None:
    assert Redactor("correct-horse-battery").clean(text) == text


def test_short_secret_is_refused_and_an_empty_one_is_none() -> None:
    with pytest.raises(StepError, match="fewer than 6"):
        Redactor("short")
    assert Redactor("").clean("text") == "text"


def test_the_longest_of_overlapping_secrets_goes() -> None:
    assert Redactor("password", "password-of-admin").clean("it is password-of-admin!") == f"it is {MASK}!"


def test_dangling_start() -> None:
    redactor = Redactor("correct-horse-battery")
    assert redactor.dangling("the password is correct-ho") == 1
    assert redactor.dangling("the password is correct-horse-battery") == 0
    assert redactor.dangling("nothing") == 0
    assert redactor.dangling("before\nit is cor\n\nrect-") == 3
    assert redactor.dangling("c\no\nr\nr\ne\nc\nt") == 7
    assert redactor.dangling("correct-\ncorr") == 1, "the first line was something else"


@given(secret=SECRETS, data=st.data())
def test_a_start_in_any_form_dangles_however_it_is_broken(secret: str, data: st.DataObject) -> None:
    printed = FORMS[data.draw(st.sampled_from(sorted(FORMS)))](secret)
    inside = printed[1:-1] if printed[0] in "'\"" else printed
    hypothesis.assume(len(inside) > 12)
    start = inside[: data.draw(st.integers(5, len(inside) - 6))]
    width = data.draw(st.integers(1, len(start)))
    begun = "\n".join(start[at : at + width] for at in range(0, len(start), width))
    lines = Redactor(secret).dangling(f"before\n{begun}")
    assert lines >= begun.count("\n")  # the first character may be less than one of a form: a quoting backslash


COLOURS = ("\x1b[31m", "\x1b[0m", "\x1b[1;38:2::255:0:0m", "\x1b[2K", "\x1bM")


@pytest.mark.parametrize("form", ["plain", "base64", "hex", "json"])
@hypothesis.settings(max_examples=30)
@given(secret=SECRETS, data=st.data())
def test_colours_hide_nothing(form: str, secret: str, data: st.DataObject) -> None:
    """As terminals show it: control sequences between any two characters."""
    printed = FORMS[form](secret)
    hypothesis.assume(printed not in MASK)
    inside = st.lists(st.sampled_from(COLOURS), max_size=2).map("".join)
    coloured = "".join(character + data.draw(inside) for character in printed)
    cleaned = Redactor(secret).clean(f"\x1b[1mbefore {coloured} after")
    assert MASK in cleaned
    assert printed not in re.sub(r"\x1b(\[[\d;:]*[A-Za-z]|M)", "", cleaned)
    assert cleaned.endswith(" after")


def test_a_coloured_start_is_dangling_too() -> None:
    assert Redactor("correct-horse-battery").dangling("it is \x1b[31mcor\x1b[1mrect-\x1b[0m")
