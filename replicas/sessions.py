"""Sign-ins, sign-outs, failed attempts and refused ones in the history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from replicas import audit
from replicas.audit import Subject
from replicas.models import AuditEvent
from replicas.permissions import Actor


def connect() -> None:
    """Called once, when the application is ready. An event that cannot be written keeps people out."""
    user_logged_in.connect(_began, dispatch_uid="replicas.sessions")
    user_logged_out.connect(_ended, dispatch_uid="replicas.sessions")
    user_login_failed.connect(_failed, dispatch_uid="replicas.sessions")


def _began(sender: Any, request: HttpRequest, user: User, **more: Any) -> None:
    with transaction.atomic():
        audit.record(_actor(request, user), "session:begin", user)


def _ended(sender: Any, request: HttpRequest, user: User | None, **more: Any) -> None:
    if user is not None:
        with transaction.atomic():
            audit.record(_actor(request, user), "session:end", user)


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any) -> None:
    with transaction.atomic():
        audit.record(_actor(request, None), "session:fail", _named(str(credentials.get("username", ""))))


def slowed_down(request: HttpRequest, name: str, since: datetime, reason: str) -> None:
    """Note that an address is refused, for whoever it tried; once only, if that was not noted `since` then.

    Whoever goes on guessing would fill the history otherwise.
    """
    actor = _actor(request, None)
    if _refused(actor.address, since):
        return
    with transaction.atomic():
        audit.alone()
        if not _refused(actor.address, since):  # many may have asked at once
            audit.record(actor, "session:refuse", _named(name), reason=reason)


def _refused(address: str, since: datetime) -> bool:
    return AuditEvent.objects.filter(verb="session:refuse", at__gt=since, address=address).exists()


def _named(name: str) -> Subject:
    """An unknown name is not kept: people type passwords into the wrong field."""
    known = User.objects.filter(username=name).first()
    return Subject("user", str(known.pk), name) if known else Subject("user", "", "unknown name")


def _actor(request: HttpRequest | None, user: User | None) -> Actor:
    return Actor(user, request.META.get("REMOTE_ADDR", "") if request else "")
