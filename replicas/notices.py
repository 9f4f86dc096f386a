"""Who is told of what: it follows from the events of the history, in their transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model, Q
from django.urls import get_script_prefix, reverse
from django.utils import timezone

from replicas import permissions
from replicas.choices import EMAILED, Decision, EmailWish, NoticeKind, PlanState
from replicas.models import AuditEvent, Bypass, Delivery, Notice, Plan, Run, Webhook


class Rule(NamedTuple):
    """What an event means to people, and to whom."""

    kind: NoticeKind
    people: Callable[[Plan], Iterable[User]]


def deciders(plan: Plan) -> Iterable[User]:
    able = permissions.deciders(permissions.policy_groups(plan))
    return able.exclude(pk=plan.requested_by_id).exclude(approvals__plan=plan)


def requester(plan: Plan) -> Iterable[User]:
    return User.objects.filter(pk=plan.requested_by_id)


def everyone_of(plan: Plan) -> Iterable[User]:
    """Who asked, who approved, who ran it without approval, and who retried it."""
    approved = Q(approvals__plan=plan, approvals__decision=Decision.APPROVE)
    bypassed = Q(pk__in=Bypass.objects.filter(run__plan=plan).values("by"))
    runs = [str(key) for key in Run.objects.filter(plan=plan).values_list("pk", flat=True)]
    retries = AuditEvent.objects.filter(kind="run", object_id__in=runs, verb="run:retry")
    retried = Q(username__in=list(retries.values_list("actor", flat=True)))
    return User.objects.filter(Q(pk=plan.requested_by_id) | approved | bypassed | retried, is_active=True).distinct()


RULES = {
    "plan:submit": Rule(NoticeKind.WAITING, deciders),
    "plan:approve": Rule(NoticeKind.APPROVED, requester),
    "plan:reject": Rule(NoticeKind.REJECTED, requester),
    "plan:void": Rule(NoticeKind.VOID, requester),
    "plan:cancel": Rule(NoticeKind.CANCELLED, requester),
    "run:succeed": Rule(NoticeKind.DONE, everyone_of),
    "run:fail": Rule(NoticeKind.FAILED, everyone_of),
    "run:cancelled": Rule(NoticeKind.CANCELLED, everyone_of),
}


def follow(event: AuditEvent, obj: Model) -> None:
    """Tell whoever an event concerns, but not the one who caused it."""
    run = obj if isinstance(obj, Run) else None
    plan = run.plan if run else obj
    if not isinstance(plan, Plan):
        return
    decided = event.verb == "plan:submit" and plan.state != PlanState.WAITING  # the revocation of a bundle
    if (rule := RULES.get(event.verb)) and not decided:
        who = _who(event)
        people = [user for user in rule.people(plan) if user.get_username() != who]
        tell(rule.kind, plan, people, run=run, actor=who, reason=event.reason, at=event.at)
    if event.kind == "plan" or event.verb == "run:queue":
        _settle(plan)


def _who(event: AuditEvent) -> str:
    """Return who caused an event: the worker ends a run that a user had stopped."""
    after = event.after if isinstance(event.after, dict) else {}
    return after.get("stopped_by") or event.actor


def tell(
    kind: NoticeKind,
    plan: Plan,
    people: Iterable[User],
    *,
    run: Run | None = None,
    actor: str,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """A notice for each person, e-mails to those who want them, a call of each webhook: sent after the commit."""
    about: dict[str, Any] = {"kind": kind, "plan": plan, "run": run, "actor": actor, "reason": reason}
    told = sorted(people, key=User.get_username)
    notices = Notice.objects.bulk_create(Notice(recipient=user, **about) for user in told)
    outgoing = [Delivery(notice=notice) for notice in _emailed(kind, notices)]
    hooks = [hook for hook in Webhook.objects.filter(active=True) if not hook.kinds or kind in hook.kinds]
    if hooks:
        names = [notice.recipient.get_username() for notice in notices]
        content = body(kind, plan, run, actor, reason, names, at or timezone.now())
        outgoing += [Delivery(webhook=hook, body=content) for hook in hooks]
    Delivery.objects.bulk_create(outgoing)


def body(
    kind: str, plan: Plan, run: Run | None, actor: str, reason: str, people: list[str], at: datetime
) -> dict[str, object]:
    """What a webhook is sent, in the form that standardwebhooks.com recommends: type, timestamp and data."""
    return {
        "type": f"{'run' if run else 'plan'}.{kind}",
        "timestamp": at.isoformat(),
        "data": {
            "replica": plan.replica.hostname,
            "master": plan.replica.master.hostname,
            "realm": plan.replica.master.realm.name,
            "action": plan.action,
            "plan": plan.pk,
            "run": run.pk if run else None,
            "by": actor,
            "reason": reason,
            "error": Run.objects.values_list("error", flat=True).get(pk=run.pk) if run else "",
            "people": people,
            "url": address(plan, run),
        },
    }


def address(plan: Plan, run: Run | None) -> str:
    """Return where a notice leads, as a whole address."""
    path = reverse("run", args=[run.pk]) if run else reverse("plan", args=[plan.pk])
    # A thread that serves a page knows the path of the portal on its host, a thread of the worker does not.
    return f"{settings.PUBLIC_URL.rstrip('/')}{path.removeprefix(get_script_prefix().rstrip('/'))}"


def _emailed(kind: NoticeKind, notices: list[Notice]) -> list[Notice]:
    if not settings.EMAIL_URL_GIVEN:
        return []
    silent = [wish for wish in EmailWish.values if kind not in EMAILED[wish]]
    reached = User.objects.filter(pk__in=[notice.recipient_id for notice in notices]).exclude(email="")
    wanting = set(reached.exclude(email_choice__wish__in=silent).values_list("pk", flat=True))
    return [notice for notice in notices if notice.recipient_id in wanting]


def _settle(plan: Plan) -> None:
    """What was decided waits for nobody any more."""
    if not Plan.objects.filter(pk=plan.pk, state=PlanState.WAITING).exists():
        Notice.objects.filter(plan=plan, kind=NoticeKind.WAITING, read_at=None).update(read_at=timezone.now())
