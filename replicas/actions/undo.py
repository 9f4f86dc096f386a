"""Ask for the end of a replica: undo an installation that stopped in the middle, or remove a verified one."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from replicas.actions import plans
from replicas.actions.alone import require_alone
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.actions.replica_states import require_can_remove, require_can_undo
from replicas.choices import REPLICA_ENDED, ReplicaState
from replicas.errors import Conflict
from replicas.lifecycle.job import Action
from replicas.models import Master, Plan, Replica
from replicas.permissions import Actor, require


@transaction.atomic
def undo(
    actor: Actor,
    replica: Replica,
    reason: str,
    host_gone_reason: str = "",
    passwords: Mapping[str, str] = NONE,
    way_in: Master | None = None,
) -> Plan:
    """Freeze the plan that undoes an installation that did not succeed; with `host_gone_reason`, the realm's part only.

    A replica that was verified is never undone: `remove` checks first that the realm can do without it.
    `way_in`, one of `ways_in`, is the server that the realm is worked on from when the replica's master is
    lost. Raises NotAllowed, Conflict (another state, a run at work, a plan that waits, no such server), ValidationError
    without a reason.
    """
    plan = _freeze(actor, replica, "undo", reason, host_gone_reason, way_in)
    give_passwords(actor, plan, passwords)
    return plan


@transaction.atomic
def remove(
    actor: Actor,
    replica: Replica,
    reason: str,
    host_gone_reason: str = "",
    passwords: Mapping[str, str] = NONE,
    way_in: Master | None = None,
) -> Plan:
    """The same for a verified replica, or one whose removal has begun, from which no other one is made.

    Raises as `undo`.
    """
    require(actor, "request")
    require_childless(replica)
    plan = _freeze(actor, replica, "remove", reason, host_gone_reason, way_in)
    give_passwords(actor, plan, passwords)
    return plan


def ways_in(replica: Replica) -> QuerySet[Master]:
    """Other registered masters of its realm; one that the portal made counts as long as it is verified."""
    made = Replica.objects.filter(hostname=OuterRef("hostname"))
    others = Master.objects.filter(realm=replica.master.realm_id)
    others = others.exclude(hostname__in=(replica.hostname, replica.master.hostname))
    return others.filter(~Exists(made) | Exists(made.filter(state=ReplicaState.VERIFIED)))


def _freeze(
    actor: Actor,
    replica: Replica,
    action: Action,
    reason: str,
    host_gone_reason: str,
    way_in: Master | None,
) -> Plan:
    require(actor, "request")
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the approver and later readers want to know.")})
    require_alone(replica)
    # As it is now: with the host key that an administrator may have accepted since.
    now = Replica.objects.select_related("master__realm", "master__host_key", "host_key").get(pk=replica.pk)
    if action == "undo":
        require_can_undo(now)
    else:
        require_can_remove(now)
    options = {"removal_reason": reason, "host_gone_reason": host_gone_reason.strip()}
    if way_in is not None:
        _require_way_in(now, way_in)
        options["instead_of"] = now.master.hostname
    return plans.freeze(actor, now, action, reason, way_in, **options)


def _require_way_in(replica: Replica, way_in: Master) -> None:
    if not ways_in(replica).filter(pk=way_in.pk).exists():
        raise Conflict(
            _("%(other)s is not another server that %(realm)s can be worked on from.")
            % {"other": way_in, "realm": replica.master.realm},
            _("Choose another registered master of the realm."),
        )


def require_childless(replica: Replica) -> None:
    """Raises Conflict when a request or a replica that lives has this one as its master."""
    others = Replica.objects.filter(master__hostname=replica.hostname).exclude(state__in=REPLICA_ENDED)
    if names := ", ".join(others.values_list("hostname", flat=True)):
        raise Conflict(
            _("%(host)s is the master of %(others)s.") % {"host": replica.hostname, "others": names},
            _("Remove or undo what was made from it first."),
        )
