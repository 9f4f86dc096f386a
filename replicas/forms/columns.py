"""The columns of a table of requests, and the words that spreadsheets write in them in English, German and French."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils import translation

from replicas.forms.fields import FingerprintField
from replicas.forms.requests import ReplicaRequestForm

FIELDS: dict[str, forms.Field] = {
    **{name: ReplicaRequestForm.base_fields[name] for name in ReplicaRequestForm.Meta.fields},
    "fingerprint": FingerprintField(required=False),
}
COLUMNS: tuple[str, ...] = tuple(FIELDS)
YES = frozenset(("yes", "y", "true", "on", "1", "x", "✓", "✔", "☑", "✅", "ja", "j", "wahr", "oui", "vrai"))
NO = frozenset(("", "no", "n", "false", "off", "0", "-", "–", "✗", "✘", "☐", "nein", "falsch", "non", "faux"))
MOST_TITLE = 200
"""Characters of a column's title."""
NOTE = re.compile(r"[(\[][^()\[\]]*+[)\]]")
SWITCHES = tuple(name for name in COLUMNS if isinstance(FIELDS[name], forms.BooleanField))


def column_of(title: str) -> str:
    """Return the column that a title names, by its name or by its label in the form; "" when there is none."""
    return _titles().get(_plain(title), "") if len(title) <= MOST_TITLE else ""


def with_choices(row: Mapping[str, str]) -> dict[str, str]:
    """Return the row with words of a choice as the form writes them: spreadsheets begin them with a capital."""
    choices = _choices()
    return {name: choices.get(name, {}).get(value.casefold(), value) for name, value in row.items()}


@cache
def _titles() -> dict[str, str]:
    names = {_plain(name): name for name in COLUMNS}
    labels: dict[str, set[str]] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for name in COLUMNS:
                label = str(FIELDS[name].label)
                labels.setdefault(_plain(label), set()).add(name)
    return {label: next(iter(of)) for label, of in labels.items() if len(of) == 1} | names


@cache
def _choices() -> dict[str, dict[str, str]]:
    return {
        name: {str(value).casefold(): str(value) for value, _label in cast(Iterable[tuple[Any, Any]], field.choices)}
        for name, field in FIELDS.items()
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField)
    }


def _plain(title: str) -> str:
    """Letters and digits only: neither capitals nor spaces, hyphens, stars or a note in brackets matter."""
    letters = unicodedata.normalize("NFKC", NOTE.sub("", title)).casefold()
    return "".join(letter for letter in letters if letter.isalnum())
