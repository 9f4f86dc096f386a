"""Passwords as people type them: everything that a realm can have and a log can hide is taken."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from replicas.forms.fields import PasswordField
from replicas.stream.redaction import MASK, Redactor
from tests.replicas.typed import TYPED

ODD = ("20262026", "tab\tinside", "zero\u200bwidth", "\u202eright-to-left", "{0}{1}%s%n", "--------", "a b c d e f ")


@pytest.mark.parametrize("password", [*TYPED, *ODD])
def test_a_password_is_taken_as_typed_and_kept_out_of_logs(password: str) -> None:
    assert PasswordField().clean(password) == password
    text = Redactor(password).clean(f"before {password} after")
    assert MASK in text
    assert password not in text


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (" " * 8, "at least 6 characters that are not spaces"),
        ("\u00a0\t " * 4, "at least 6 characters that are not spaces"),
        (" " * 100 + "short", "at least 6 characters that are not spaces"),
        ("\x1b[31mred\x1b[0m", "control characters"),
        ("password\x7f", "control characters"),
        ("pass\u2028word", "control characters"),
        ("password\n", "a line end"),
        ("password\0", "[Nn]ull characters"),
        ("x" * 4096, "at most 200 characters"),
    ],
)
def test_a_password_that_no_log_could_hide_is_refused(password: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        PasswordField().clean(password)
    assert password not in str(refused.value)
