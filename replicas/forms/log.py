"""What somebody looks for in a run's log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas.models import StepRun
from replicas.stream.find import Query

LEVELS = (
    ("", _("All levels")),
    ("info", _("Without details")),
    ("warning", _("Warnings and errors")),
    ("error", _("Errors")),
)


class LogForm(forms.Form):
    """Sent by GET, so that a search has an address. What makes no sense counts as not given."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        strip=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Search all lines")}),
    )
    step = forms.TypedChoiceField(label=_("Step"), required=False, coerce=int, empty_value=None)
    level = forms.ChoiceField(label=_("Level"), required=False, choices=LEVELS)
    wrap = forms.BooleanField(label=_("Wrap long lines"), required=False)

    def __init__(self, steps: Iterable[StepRun], asked: Mapping[str, Any]) -> None:
        super().__init__(asked, auto_id="log_%s")
        numbered = [(step.index, f"{number}. {step.title}") for number, step in enumerate(steps, 1)]
        self.fields["step"].choices = [("", _("All steps")), *numbered]  # type: ignore[attr-defined]
        for name, dress in (("q", "form-control"), ("step", "form-select"), ("level", "form-select")):
            self.fields[name].widget.attrs |= {"class": f"{dress} form-control-sm"}
        self.fields["wrap"].widget.attrs["class"] = "form-check-input"

    @property
    def query(self) -> Query:
        self.is_valid()
        given = self.cleaned_data
        return Query(given.get("q") or "", given.get("step"), given.get("level") or "debug")

    @property
    def address(self) -> str:
        """The search as it stands in the address of a page."""
        query = self.query
        given = {"q": query.text, "step": query.step, "level": query.level, "wrap": "on" if self.wraps else ""}
        return urlencode({name: value for name, value in given.items() if value not in ("", None, "debug")})

    @property
    def wraps(self) -> bool:
        self.is_valid()
        return bool(self.cleaned_data.get("wrap"))
