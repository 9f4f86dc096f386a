"""Badges, icons, times and permissions in templates."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from replicas import permissions
from replicas.choices import Role
from replicas.models import AuditEvent, Notice, StepRun
from replicas.stream import ansi
from replicas.stream.durations import duration
from replicas.waiting import to_decide

register = template.Library()

LOOKS = {
    "requested": ("wait", "clock"),
    "waiting": ("wait", "clock"),
    "approved": ("good", "stamp"),
    "approve": ("good", "stamp"),
    "queued": ("wait", "clock"),
    "running": ("busy", "turning"),
    "verified": ("good", "check"),
    "succeeded": ("good", "check"),
    "done": ("good", "check"),
    "ok": ("good", "check"),
    "sealed": ("busy", "lock"),
    "used": ("good", "check"),
    "expired": ("calm", "clock"),
    "revoked": ("bad", "cross"),
    "failed": ("bad", "cross"),
    "stopped": ("wait", "stop"),
    "removing": ("busy", "turning"),
    "removed": ("calm", "circle"),
    "rejected": ("bad", "cross"),
    "reject": ("bad", "cross"),
    "cancelled": ("calm", "stop"),
    "pending": ("calm", "circle"),
    "void": ("calm", "cross"),
    "held": ("wait", "clock"),
    "bypassed": ("bad", "warning"),
    "sent": ("good", "check"),
    "given_up": ("bad", "cross"),
}
"""Tone and icon of every state; the words come from the choices."""


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Cached: where the file lies is the same as long as the portal runs, and takes longest to find out."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("img/icons.svg"), name
    )


@register.simple_tag
def badge(state: str, label: Any) -> SafeString:
    """A state with its icon and words, so that colour is never the only sign."""
    tone, name = LOOKS[state]
    return format_html('<span class="state state-{} state-{}">{}{}</span>', tone, name, icon(name), label)


KINDS = {
    "record": gettext_lazy("DNS record"),
    "certificate": gettext_lazy("Certificate"),
    "key": gettext_lazy("Key"),
    "file": gettext_lazy("File"),
    "service": gettext_lazy("Service"),
    "port": gettext_lazy("Ports"),
    "directory": gettext_lazy("Directory"),
    "agreement": gettext_lazy("Agreement"),
    "principal": gettext_lazy("Principal"),
    "user": gettext_lazy("User"),
    "command": gettext_lazy("Command"),
    "read": gettext_lazy("Only read"),
    "exception": gettext_lazy("Exception"),
}
"""Of what a step touches (replicas/lifecycle/base.py)."""


@register.simple_tag
def touch(one: dict[str, str] | str) -> str:
    """What a step touches: its kind, where, and the thing itself. Plans of older portals have a line of words."""
    if isinstance(one, str):
        return format_html('<span class="kind"></span><span>{}</span>', one)
    where = format_html('<span class="where">{}</span> ', one["where"]) if one["where"] else ""
    kind = KINDS.get(one["kind"], one["kind"])
    return format_html('<span class="kind">{}</span> <span>{}{}</span>', kind, where, one["what"])


@register.simple_tag
def when(moment: datetime | None, style: str = "", css: str = "") -> str:
    """A time in the current zone; the machine-readable and the exact form are on the element."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    exact = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html(
        '<time{} datetime="{}" title="{}">{}</time>',
        format_html(' class="{}"', css) if css else "",
        local.isoformat(),
        exact,
        date_format(local, style or gettext("j M Y, H:i")),
    )


register.filter("duration", duration)


@register.filter
def coloured(text: str) -> SafeString:
    """A log line with the colours that its program gave it. row.js makes the same."""
    pieces = ((format_html('<span class="{}">{}</span>', *span) if span[0] else span[1]) for span in ansi.spans(text))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


@register.simple_tag
def may(user: User | AnonymousUser, verb: str, obj: Any = None) -> bool:
    return permissions.may(user, verb, obj)


@register.simple_tag(takes_context=True)
def waiting_for(context: Context, user: User) -> int:
    """How many plans this person could decide now; a page that has asked says so itself (`waiting_count`)."""
    known = context.get("waiting_count")
    return len(to_decide(user)) if known is None else int(known)


@register.simple_tag
def unread(user: User) -> int:
    """How many notices this person has not read."""
    return Notice.objects.filter(recipient=user, read_at=None).count()


TONES = {"success": "good", "error": "bad", "danger": "bad", "warning": "wait", "info": "busy", "debug": "calm"}
NOTICE_ICONS = {"good": "check", "bad": "cross", "wait": "warning"}


@register.filter
def tone(tag: str) -> str:
    """The tone of a notice from a message's tag."""
    return TONES.get(tag, tag)


@register.simple_tag
def rendered_at() -> str:
    """When this page was read from the database, at the earliest: a live page asks for what happened since."""
    return (timezone.now() - timedelta(seconds=1)).isoformat()


@register.simple_tag
def notice_icon(tag: str) -> SafeString:
    return icon(NOTICE_ICONS.get(tone(tag), "dots"))


@register.filter
def roles(user: User) -> str:
    """The person's roles, as words."""
    labels = dict(Role.choices)
    held = permissions.roles(user)
    names = [str(labels[role]) for role in Role.values if role in held]
    if user.is_superuser:
        names.append(gettext("superuser"))
    return ", ".join(names) or gettext("no role")


@register.filter
def seconds(step: StepRun) -> float | None:
    """How long a step took, or has been running."""
    if step.started_at is None:
        return None
    return ((step.finished_at or timezone.now()) - step.started_at).total_seconds()


PAGES = {"replica": "replica", "plan": "plan", "run": "run", "master": "master"}


@register.filter
def subject_url(event: AuditEvent) -> str:
    """The page of what an event is about, where it has one."""
    if event.kind not in PAGES or not event.object_id.isdigit():
        return ""
    return reverse(PAGES[event.kind], args=[event.object_id])
