"""What can be done with a replica: when it is offered, to whom, with which form, and the action behind it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.forms import BaseForm
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from replicas import later_rules, permissions
from replicas.actions import replica_states
from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_plan, cancel_run
from replicas.actions.prove_passwords import prove
from replicas.actions.resubmit import resubmit
from replicas.actions.retry import retry
from replicas.actions.setup_dns import setup_dns
from replicas.actions.undo import remove, undo
from replicas.choices import REPLICA_ENDED, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.forms.dns import DnsForm
from replicas.forms.fields import OneRunPasswords
from replicas.forms.later import OfReplica
from replicas.forms.requests import CancelForm, RecordsForm, RemovalForm, ResubmitForm, RetryForm, StopForm
from replicas.forms.uploads import Uploads
from replicas.models import Plan, Run
from replicas.permissions import Actor
from replicas.views import act_words
from replicas.views.acting import Act
from replicas.views.kinds import Bound, Kind, Subject
from replicas.views.later_acts import LATER


def under_way(subject: Subject) -> Plan | Run | None:
    """The run at work, unless it is being stopped already; or else the plan that waits."""
    if subject.run is not None and subject.runs and not subject.run.cancel_requested_by:
        return subject.run
    return subject.plan if subject.waits else None


def can_cancel(subject: Subject) -> bool:
    return under_way(subject) is not None


def can_stop(subject: Subject) -> bool:
    run = subject.run
    return run is not None and run.state == RunState.RUNNING and not run.cancel_now


def can_retry(subject: Subject) -> bool:
    if not subject.idle or subject.stopped is None or subject.replica.state in REPLICA_ENDED:
        return False
    return subject.obstacle is None


def can_set_up_dns(subject: Subject) -> bool:
    replica = subject.replica
    verified = replica.state == ReplicaState.VERIFIED and replica.master.realm.dns
    return verified and subject.idle and not replica.setup_dns and not later_rules.name_service(replica)


def can_undo(subject: Subject) -> bool:
    return subject.idle and replica_states.can_undo(subject.replica)


def can_remove(subject: Subject) -> bool:
    return subject.idle and replica_states.can_remove(subject.replica)


def can_resubmit(subject: Subject) -> bool:
    return subject.idle and subject.replica.state in REPLICA_ENDED


def can_add_records(subject: Subject) -> bool:
    replica = subject.replica
    verified = replica.state == ReplicaState.VERIFIED and replica.master.realm.dns
    return verified and subject.idle and bool(subject.findings["records"])


def cancel(actor: Actor, subject: Subject, data: dict[str, Any]) -> None:
    """The run at work, or else the plan that waits. Raises as their actions, Conflict when there is neither."""
    target = under_way(subject)
    if isinstance(target, Plan):
        cancel_plan(actor, target, data["reason"])
    else:
        cancel_run(actor, newest(subject), data["reason"])


def stop(actor: Actor, subject: Subject, data: dict[str, Any]) -> None:
    cancel_run(actor, newest(subject), data["reason"], now=True)


def newest(subject: Subject) -> Run:
    """Raises Conflict when nothing of the replica was ever run."""
    if subject.run is None:
        raise Conflict(
            gettext("Nothing is under way for %(host)s.") % {"host": subject.replica.hostname},
            gettext("There is nothing to stop."),
        )
    return subject.run


def try_again(actor: Actor, subject: Subject, data: dict[str, Any]) -> str:
    """Retry the run whose button it was, or the one that has stopped, with passwords that the realm accepts.

    Return which passwords could not be proved, in words. Raises Conflict when there is no run, ValidationError for
    wrong passwords, and as `retry`.
    """
    asked = Run.objects.filter(plan__replica=subject.replica, pk=data["run"]).select_related("plan__replica__master")
    run = asked.first() if data["run"] else subject.stopped
    if run is None:
        raise Conflict(
            gettext("There is no run of %(host)s to try again.") % {"host": subject.replica.hostname},
            gettext("It would have to be the newest one, and to have failed or been cancelled."),
        )
    permissions.require(actor, "retry", run)
    proof = prove(actor, run.plan.frozen_job(), data["passwords"])
    retry(actor, run, data["reason"], data["passwords"] | data["certificates"], proof.proved)
    return str(proof)


ACTS = {
    "records": Kind(
        verb="request",
        form=RecordsForm,
        offered=can_add_records,
        do=lambda actor, subject, data: add_records(actor, subject.replica, **data),
        label=_("Add the missing records"),
        help=_("Asks for a plan that adds exactly the records listed as missing. Someone else approves it."),
        symbol="globe",
        style="btn-primary",
    ),
    "retry": Kind(
        verb="retry",
        form=RetryForm,
        offered=can_retry,
        do=try_again,
        label=_("Retry from this step"),
        help=_("Goes on with the step that it stopped at. What is done already is checked, not done again."),
        words=act_words.retry,
        thanks=_("The run is queued again."),
        symbol="retry",
        style="btn-primary",
    ),
    "undo": Kind(
        verb="request",
        form=RemovalForm,
        offered=can_undo,
        do=lambda actor, subject, data: undo(actor, subject.replica, **data),
        label=_("Undo"),
        help=_(
            "Asks for a plan that takes back whatever the installation did, so that the host is blank again and the "
            "realm knows nothing of it. Someone else approves it."
        ),
        words=act_words.undo,
        symbol="history",
        style="btn-outline-danger",
    ),
    "resubmit": Kind(
        verb="request",
        form=ResubmitForm,
        offered=can_resubmit,
        do=lambda actor, subject, data: resubmit(
            actor, subject.replica, data["reason"], data["passwords"] | data["certificates"]
        ),
        label=_("Request again"),
        help=_(
            "The same request with a plan of today, and with the host key that is pinned now. Someone else approves it."
        ),
        symbol="plus",
        style="btn-primary",
    ),
    "dns": Kind(
        verb="request",
        form=DnsForm,
        offered=can_set_up_dns,
        do=lambda actor, subject, data: setup_dns(actor, subject.replica, **data),
        label=_("Set up DNS service"),
        help=_("Asks for a plan that makes this replica a name server of the realm's zones. Someone else approves it."),
        symbol="globe",
    ),
    **LATER,
    "remove": Kind(
        verb="request",
        form=RemovalForm,
        offered=can_remove,
        do=lambda actor, subject, data: remove(actor, subject.replica, **data),
        label=_("Remove replica"),
        help=_(
            "Asks for a plan that takes this replica out of the realm and leaves its host blank. First it checks that "
            "the other servers stay connected, and that this is not the last one with an authority or name service. "
            "Someone else approves it."
        ),
        words=act_words.remove,
        symbol="cross",
        style="btn-outline-danger",
    ),
    "cancel": Kind(
        verb="cancel",
        form=CancelForm,
        offered=can_cancel,
        about=under_way,
        do=cancel,
        label=_("Cancel"),
        help=_("Ends the plan before it is decided. Nothing was changed yet."),
        words=act_words.cancel,
        thanks=_("Cancelled. A run that is under way stops before its next step."),
        symbol="stop",
        style="btn-outline-danger",
    ),
    "stop": Kind(
        verb="cancel",
        form=StopForm,
        offered=can_stop,
        about=lambda subject: subject.run,
        do=stop,
        label=_("Stop now"),
        help=_(
            "Does not wait for the step to end: a command that runs on a host is ended in the middle. The log lists "
            "what was done."
        ),
        words=act_words.stop,
        thanks=_("The run is being stopped in the middle of its step."),
        symbol="stop",
        style="btn-outline-danger",
    ),
}


def offered(user: User, subject: Subject, bound: Bound | None = None) -> list[Act]:
    """The actions that this person may take on the replica as it is now.

    On the page of a run that matters less, only to try that one again.
    """
    return [
        Act(
            url=reverse("replica_act", args=[subject.replica.pk, name]),
            form=_asking(name, kind, bound.form if bound and bound.name == name else kind.form(), subject),
            label=label,
            help=text,
            symbol=kind.symbol,
            style=kind.style,
            name=name,
        )
        for name, kind in ACTS.items()
        for label, text in (kind.words(subject) or (kind.label, kind.help),)
        if (name == "retry" or not subject.elsewhere)
        and kind.offered(subject)
        and permissions.may(user, kind.verb, kind.about(subject))
    ]


def _asking(name: str, kind: Kind, form: BaseForm, subject: Subject) -> BaseForm:
    """The form, one of several on its page; it says of passwords that it takes whether one is stored."""
    form.auto_id = f"id_{name}_%s"
    if isinstance(form, RetryForm) and subject.stopped:
        form.initial["run"] = subject.stopped.pk
    if isinstance(form, OneRunPasswords):
        form.ask_for(subject.lacks(kind.action))
    if isinstance(form, OfReplica):
        form.about(subject.replica)
    if isinstance(form, Uploads):
        form.ask_only(subject.replica.certificates or {})
    return form
