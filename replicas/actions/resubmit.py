"""Ask for a replica again that was rejected, cancelled or removed: the same request, with a plan of today."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions import host_keys, plans, submit
from replicas.actions.claim import claim
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import REPLICA_ENDED, ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require


def resubmit(actor: Actor, replica: Replica, reason: str = "", passwords: Mapping[str, str] = NONE) -> Plan:
    """The row is the old one, the plan and the host key are today's.

    Raises NotAllowed, Conflict (not ended; the hostname is in use by now), ValidationError, HostUnreachable,
    HostKeyChanged.
    """
    require(actor, "request")
    check(replica)
    return restore(actor, replica, host_keys.fetch(replica.ssh_address, replica.ssh_port), reason, passwords)


@transaction.atomic
def restore(actor: Actor, replica: Replica, key: str, reason: str = "", passwords: Mapping[str, str] = NONE) -> Plan:
    """What `resubmit` does once it knows the host's key; `passwords` and uploaded certificates by name."""
    user = require(actor, "request")
    check(replica)
    before = {"state": replica.state, "requested_by": replica.requested_by.get_username()}
    pinned = host_keys.pin_own(actor, replica.hostname, key)
    try:
        with transaction.atomic():
            claim(
                replica,
                {"state__in": REPLICA_ENDED},
                state=ReplicaState.REQUESTED,
                requested_by=user,
                created_at=timezone.now(),
                host_key=pinned,
                verified_at=None,
                certificates=replica.certificates,
            )
    except IntegrityError as error:
        raise submit.in_use(replica) from error
    after = {"state": replica.state, "requested_by": user.get_username(), "fingerprint": pinned.fingerprint}
    audit.record(actor, "replica:resubmit", replica, before=before, after=after, reason=reason)
    plan = plans.freeze(actor, replica, "install")
    give_passwords(actor, plan, passwords)
    return plan


def check(replica: Replica) -> None:
    """Everything that can be wrong before the host is asked for its key. Raises ValidationError, Conflict."""
    if replica.state not in REPLICA_ENDED:
        raise Conflict(
            _("%(host)s is in another state: %(state)s.")
            % {"host": replica.hostname, "state": replica.get_state_display()},
            _("A request that was rejected or cancelled, or a replica that was removed, can be requested again."),
        )
    submit.check(replica)
