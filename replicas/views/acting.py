"""Human decisions on pages: buttons with the forms they need, and calling the action behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.forms import BaseForm

from replicas.actions.refusals import refused
from replicas.errors import Conflict, NotAllowed, PortalError
from replicas.permissions import Actor
from replicas.views.access import SignedInRequest

STAYS = "stays"
"""Tag of a message that a page keeps when it updates itself: it says more than what state something is in."""
OTHER_STATE = "What it is about is not in the state that this needs."
"""In the history, which is in one language: what a person reads says more."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that this person may do now: components/act.html makes a button that opens the form it needs."""

    url: str
    form: BaseForm
    label: object
    help: object
    symbol: str
    style: str = "btn-quiet"
    name: str = ""
    """By which remedies refer to it (replicas/views/remedies.py)."""


def actor(request: SignedInRequest) -> Actor:
    return Actor(request.user, request.META.get("REMOTE_ADDR", ""))


class Outcome(NamedTuple):
    """What became of a form: done, with what the action returned; or refused, with its reason if a service did it."""

    done: bool
    value: Any = None
    failure: PortalError | None = None


def attempt(request: SignedInRequest, form: BaseForm, action: Callable[[dict[str, Any]], object]) -> Outcome:
    """Act on a valid form. What is wrong with the fields stays on the form; what a service refuses is returned.

    That somebody may not do it, or that it is not the time for it, is noted.
    """
    if not form.is_valid():
        return Outcome(False)
    try:
        return Outcome(True, action(form.cleaned_data))
    except PortalError as error:
        if isinstance(error, (NotAllowed, Conflict)):
            why = error.message if isinstance(error, NotAllowed) else OTHER_STATE
            refused(actor(request), "page", "", f"{request.method} {request.path}", why)
        return Outcome(False, failure=error)
    except ValidationError as error:
        mark(form, error)
        return Outcome(False)


def mark(form: BaseForm, error: ValidationError) -> None:
    """What the rules of the models say, on the fields where the form has them."""
    for name, messages in error.message_dict.items() if hasattr(error, "error_dict") else [(None, error.messages)]:
        for message in messages:
            form.add_error(name if name in form.fields else None, message)
