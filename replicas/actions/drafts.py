"""Show the plan of a request before it is submitted, and submit exactly that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions import host_keys
from replicas.actions.give_passwords import NONE
from replicas.actions.prove_passwords import prove
from replicas.choices import PlanAction, PlanState
from replicas.errors import Conflict
from replicas.models import CredentialName, Draft, Plan, PlanCredential, Replica
from replicas.permissions import Actor, require
from replicas.tasks import check_draft, check_plan

Freeze = Callable[[], Plan]
"""Freezes and stores the plan, within the caller's transaction."""


class Outdated(Conflict):
    """The plan would be another one by now."""


def draw(
    actor: Actor,
    act: str,
    form: str,
    freeze: Freeze,
    replica: Replica | None = None,
    passwords: Mapping[str, str] = NONE,
    unproved: Mapping[str, str] = NONE,
) -> Draft:
    """Keep the request with the plan that `freeze` would store now, and have the hosts looked at.

    Nothing of what `freeze` does stays. `form` is what the form `act` was sent with. The `passwords` in it are proved
    with the realm first; those that could not be proved, by name with the reason, are marked, as are the `unproved`
    ones of an earlier draft. Raises NotAllowed, PortalError, ValidationError for wrong passwords, and what `freeze`
    raises.
    """
    user = require(actor, "request")
    with transaction.atomic():
        plan = freeze()
        transaction.set_rollback(True)
    proof = prove(actor, plan.frozen_job(), passwords)
    draft = Draft(
        act=act, replica=replica, requested_by=user, action=plan.action, job=plan.job, steps=plan.steps,
        digest=plan.digest, unproved={**unproved, **proof.unproved} or None,
    )  # fmt: skip
    draft.enclose(form)
    with transaction.atomic():
        draft.save()
        transaction.on_commit(lambda: check_draft(draft.pk))
    return draft


@transaction.atomic
def submit(actor: Actor, draft: Draft, freeze: Freeze, despite: str = "", fingerprint: str = "") -> Plan:
    """Store the plan for its approval, with what the checks have found, if it is the one that was shown.

    `despite` says why it is asked for although a check has failed, `fingerprint` is that of the host's key as the actor
    read it on the host's console, where nobody has compared it yet. Raises NotAllowed, Outdated, Conflict (submitted or
    discarded already), ValidationError without a reason or with another fingerprint, and what `freeze` raises.
    """
    user = require(actor, "request")
    mine = Draft.objects.select_for_update().filter(pk=draft.pk, requested_by=user).first()
    if mine is None:
        raise Conflict(_("This request was submitted or discarded already."), _("Look at the list of replicas."))
    if mine.table is not None:
        raise Conflict(_("It is one of a table of requests."), _("Submit the table: all of it, or nothing."))
    require_reason(mine.hindered, despite)
    plan = freeze()
    take(actor, mine, plan, despite, fingerprint)
    return plan


def require_reason(hindered: bool, despite: str) -> None:
    """Raises ValidationError."""
    if hindered and not despite.strip():
        raise ValidationError({"despite": _("Say why it should be done all the same: the approver wants to know.")})


def take(actor: Actor, mine: Draft, plan: Plan, despite: str, fingerprint: str) -> None:
    """Let the stored plan take the place of the draft, with what the checks have found.

    Raises Outdated, and ValidationError when the key of its host was not compared with this fingerprint.
    """
    if plan.digest != mine.digest:
        raise Outdated(
            _("The plan would not be the one that is shown here any more: a policy, a master or a host key changed."),
            _("Look at the new plan, and submit that."),
        )
    if plan.action == PlanAction.INSTALL:
        host_keys.compare(actor, plan.replica.host_key, fingerprint)
    given = PlanCredential.objects.filter(plan=plan, name__in=set(CredentialName.values) - set(mine.unproved or ()))
    given.update(proved_at=mine.created_at)
    plan.findings, plan.checked_at = mine.findings, mine.checked_at
    if mine.hindered:
        plan.submitted_despite = despite
        failed = [finding["message"] for finding in mine.findings or () if finding["level"] == "error"]
        audit.record(actor, "plan:insist", plan, after={"failed": failed}, reason=despite)
    plan.save(update_fields=["findings", "checked_at", "submitted_despite"])
    mine.delete()


def discard(actor: Actor, draft: Draft) -> None:
    """Nothing was stored of it but itself. Raises NotAllowed."""
    Draft.objects.filter(pk=draft.pk, requested_by=require(actor, "request")).delete()


def check_again(actor: Actor, row: Draft | Plan) -> None:
    """Have the hosts looked at again. Raises NotAllowed, Conflict for a plan that is decided: its findings stay."""
    require(actor, "check")
    if isinstance(row, Draft):
        with transaction.atomic():
            Draft.objects.filter(pk=row.pk).update(checked_at=None, findings=None, check_asked_at=Now())
            transaction.on_commit(lambda: check_draft(row.pk))
    else:
        _check_plan_again(actor, row)


@transaction.atomic
def _check_plan_again(actor: Actor, plan: Plan) -> None:
    before = {"checked_at": plan.checked_at.isoformat() if plan.checked_at else None}
    waiting = Plan.objects.filter(pk=plan.pk, state=PlanState.WAITING)
    if not waiting.update(checked_at=None, findings=None, check_asked_at=Now()):
        raise Conflict(_("The plan is decided."), _("Its findings stay as they were when it was."))
    audit.record(actor, "plan:check", plan, before=before)
    transaction.on_commit(lambda: check_plan(plan.pk))
