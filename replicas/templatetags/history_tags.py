"""Audit events in words: what was done, and which fields changed from what to what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django import template
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from replicas.models import AuditEvent

register = template.Library()

VERBS = {
    "access:refuse": gettext_lazy("Refused"),
    "bundle:expire": gettext_lazy("Bundle expired"),
    "bundle:remove": gettext_lazy("Bundle removed from both hosts"),
    "bundle:replace": gettext_lazy("Bundle replaced by another one"),
    "bundle:revoke": gettext_lazy("Bundle revoked"),
    "bundle:seal": gettext_lazy("Bundle sealed"),
    "bundle:use": gettext_lazy("Bundle used"),
    "credential:fail": gettext_lazy("Wrong password entered"),
    "credential:refuse": gettext_lazy("Password attempts refused for a while"),
    "credential:rotate": gettext_lazy("Password encrypted again"),
    "credential:set": gettext_lazy("Password stored"),
    "credential:use": gettext_lazy("Secret used"),
    "credential:wipe": gettext_lazy("Password wiped"),
    "group:add": gettext_lazy("Group added"),
    "group:remove": gettext_lazy("Group removed"),
    "history:export": gettext_lazy("History exported"),
    "history:verify": gettext_lazy("Verification asked for"),
    "hostkey:accept": gettext_lazy("Host key accepted"),
    "master:change": gettext_lazy("Master changed or read anew"),
    "master:register": gettext_lazy("Master registered"),
    "master:unregister": gettext_lazy("Master taken off the list"),
    "plan:approve": gettext_lazy("Plan approved"),
    "plan:bypass": gettext_lazy("Run without approval"),
    "plan:cancel": gettext_lazy("Plan cancelled"),
    "plan:reject": gettext_lazy("Plan rejected"),
    "plan:submit": gettext_lazy("Plan submitted"),
    "plan:void": gettext_lazy("Plan void"),
    "plan:check": gettext_lazy("Checked again"),
    "plan:insist": gettext_lazy("Submitted despite failed checks"),
    "policy:set": gettext_lazy("Policy changed"),
    "replica:change": gettext_lazy("Replica changed"),
    "replica:request": gettext_lazy("Replica requested"),
    "replica:resubmit": gettext_lazy("Replica requested again"),
    "run:cancel": gettext_lazy("Stop of the run requested"),
    "run:cancelled": gettext_lazy("Run stopped"),
    "run:export": gettext_lazy("Log downloaded"),
    "run:fail": gettext_lazy("Run failed"),
    "run:hold": gettext_lazy("Run held until the next window"),
    "run:queue": gettext_lazy("Run queued"),
    "run:release": gettext_lazy("Held run started"),
    "run:retry": gettext_lazy("Run retried"),
    "run:review": gettext_lazy("Run without approval reviewed"),
    "run:start": gettext_lazy("Run started"),
    "run:succeed": gettext_lazy("Run succeeded"),
    "session:begin": gettext_lazy("Signed in"),
    "session:end": gettext_lazy("Signed out"),
    "session:fail": gettext_lazy("Sign-in failed"),
    "session:refuse": gettext_lazy("Sign-ins refused for a while"),
    "user:add": gettext_lazy("Person added"),
    "user:change": gettext_lazy("Person changed"),
    "webhook:add": gettext_lazy("Webhook added"),
    "webhook:change": gettext_lazy("Webhook changed"),
    "webhook:test": gettext_lazy("Webhook tried"),
    "webhook:remove": gettext_lazy("Webhook removed"),
}
LONG = 40
"""Characters and more make a value that is shown on demand."""


class Shown(NamedTuple):
    """A value as text; what is too long for a row is in `parts`."""

    text: str
    parts: list[str]


class Change(NamedTuple):
    """One changed field."""

    name: str
    before: Shown
    after: Shown


@register.filter
def verb(name: str) -> str:
    """What was done, as people say it."""
    return str(VERBS.get(name, name.replace(":", " ").replace("_", " ")))


@register.filter
def by(event: AuditEvent) -> str:
    """Return who caused the event: a user had a run stopped that the worker then ended."""
    after = event.after if isinstance(event.after, dict) else {}
    return str(after.get("stopped_by") or event.actor)


def verbs_like(text: str) -> list[str]:
    """Verbs whose words contain the text."""
    return [name for name, words in VERBS.items() if text.lower() in str(words).lower()]


@register.filter
def changes(event: AuditEvent) -> list[Change]:
    """What the event changed, without the fields that stayed or were empty before and after."""
    before, after = _fields(event.before), _fields(event.after)
    return [
        Change(name.replace("_", " "), shown(name, before.get(name)), shown(name, after.get(name)))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name) and (before.get(name) or after.get(name))
    ]


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {gettext("state"): value} if value else {}


def shown(name: str, value: Any) -> Shown:
    """A value of a field in words, summarised when it is long."""
    if isinstance(value, dict):
        return _listed(gettext("values"), [f"{key}: {_text(name, one)}" for key, one in value.items()])
    if isinstance(value, list):
        return _listed(name.replace("_", " "), [_text(name, one) for one in value])
    text = _text(name, value)
    return Shown(f"{text[:24]}…", [text]) if len(text) > LONG else Shown(text, [])


def _listed(name: str, items: list[str]) -> Shown:
    """A short list as it is, a long one by its length."""
    line = ", ".join(items)
    if len(line) <= LONG:
        return Shown(line, [])
    if len(items) == 1:
        return Shown(f"{line[:24]}…", items)
    return Shown(gettext("%(count)d %(name)s") % {"count": len(items), "name": name}, items)


def _text(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict):
        return _joined(f"{key} {_text(name, one)}" for key, one in value.items())
    if isinstance(value, list):
        return _joined(_text(name, one) for one in value)
    return _moment(str(value)) if name.endswith("_at") else str(value)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _moment(text: str) -> str:
    """A stored time in the current zone; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{timezone.localtime(moment) if moment.tzinfo else moment:%Y-%m-%d %H:%M:%S}"
