"""Run a plan without the approvals that it needs, and look at that afterwards."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from replicas import audit, notices
from replicas.actions.approve import begin, require_current, require_same
from replicas.actions.claim import claim
from replicas.choices import NoticeKind, PlanState, RunState
from replicas.errors import Conflict, NotAllowed
from replicas.models import Bypass, Plan, Run
from replicas.permissions import Actor, require, words
from replicas.tasks import execute


@transaction.atomic
def break_glass(actor: Actor, plan: Plan, digest: str, reason: str) -> Run:
    """An administrator runs a plan at once, without approvals and outside of its windows; everybody passed by is told.

    Raises NotAllowed, Conflict (another plan than the one seen, void, decided already, a run at work), ValidationError.
    """
    user = require(actor, "break_glass")
    _require_reason(reason)
    require_same(plan, digest)
    require_current(plan)
    bypassed = sorted(notices.deciders(plan), key=User.get_username)
    run = begin(actor, plan, hold=False)
    Bypass.objects.create(run=run, requester=plan.requested_by, by=user, reason=reason)
    audit.record(
        actor,
        "plan:bypass",
        plan,
        before={"state": PlanState.WAITING},
        after={"state": plan.state, "bypassed": [person.get_username() for person in bypassed]},
        reason=reason,
    )
    told = [person for person in bypassed if person != user]
    notices.tell(NoticeKind.BYPASSED, plan, told, run=run, actor=actor.name, reason=reason)
    return run


@transaction.atomic
def review(actor: Actor, bypass: Bypass, text: str) -> None:
    """Take the mark away: somebody else than who broke the glass, and than who asked, has looked at it.

    Raises NotAllowed, Conflict (reviewed already), ValidationError without words.
    """
    user = require(actor, "review_bypass")
    if user.pk in (bypass.by_id, bypass.requester_id):
        raise NotAllowed(
            words(gettext_lazy("Somebody else reviews this: you took part in it.")),
            _("Ask an approver who neither asked nor ran it."),
        )
    _require_reason(text)
    claim(bypass, {"reviewed_by": None}, reviewed_by=user, reviewed_at=Now(), review=text)
    audit.record(actor, "run:review", bypass.run, after={"bypass": str(bypass.at.isoformat())}, reason=text)


@transaction.atomic
def start_now(actor: Actor, run: Run, reason: str) -> None:
    """Let a held run begin before its window opens. Raises NotAllowed, Conflict, ValidationError without a reason."""
    require(actor, "break_glass")
    _require_reason(reason)
    if run.held is None:
        raise Conflict(_("This run is not held."), _("Look at its state."))
    before = run.held
    claim(run, {"state": RunState.QUEUED, "held_until": before}, held_until=None)
    audit.record(
        actor, "run:release", run, before={"held_until": before.isoformat()}, after={"held_until": None}, reason=reason
    )
    transaction.on_commit(lambda: execute(run.pk))


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: everybody who is passed by will read it.")})
