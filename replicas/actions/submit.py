"""Ask for a replica: check the request, pin the host's key, and freeze the plan."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions import host_keys, plans
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import REPLICA_ENDED
from replicas.errors import Conflict
from replicas.models import Master, Plan, Replica
from replicas.permissions import Actor, require


def submit(actor: Actor, replica: Replica, passwords: Mapping[str, str] = NONE) -> Plan:
    """Store a request that the form filled in, with the key that its host presents now, and its own passwords by name.

    Raises NotAllowed, ValidationError (by field), Conflict (the hostname is in use), HostUnreachable, HostKeyChanged.
    """
    _check(replica, require(actor, "request"))
    return store(actor, replica, host_keys.fetch(replica.ssh_address, replica.ssh_port), passwords)


@transaction.atomic
def store(actor: Actor, replica: Replica, key: str, passwords: Mapping[str, str] = NONE) -> Plan:
    """What `submit` does once it knows the host's key."""
    _check(replica, require(actor, "request"))
    replica.host_key = host_keys.pin(actor, replica.hostname, key)
    try:
        with transaction.atomic():
            replica.save()
    except IntegrityError as error:
        raise _in_use(replica) from error
    audit.record(actor, "replica:request", replica, after=_facts(replica))
    plan = plans.freeze(actor, replica, "install")
    give_passwords(actor, plan, passwords)
    return plan


def _check(replica: Replica, user: User) -> None:
    """Everything that can be wrong before a host is asked for anything."""
    replica.requested_by = user
    replica.full_clean(exclude={"host_key"}, validate_constraints=False)
    if Replica.objects.filter(hostname=replica.hostname).exclude(state__in=REPLICA_ENDED).exists():
        raise _in_use(replica)
    if Master.objects.filter(hostname=replica.hostname).exists():
        raise Conflict(
            _("%(host)s is a registered master.") % {"host": replica.hostname}, _("A replica is another host.")
        )


def _in_use(replica: Replica) -> Conflict:
    return Conflict(
        _("There is a request or a replica for %(host)s already.") % {"host": replica.hostname},
        _("Open it in the list of replicas; it can be retried there, or cancelled."),
    )


def _facts(replica: Replica) -> dict[str, object]:
    """The request as the history keeps it."""
    endpoint = replica.endpoint()
    options = replica.options()
    return {
        "hostname": endpoint.hostname,
        "address": endpoint.address,
        "fingerprint": replica.host_key.fingerprint,
        "master": replica.master.hostname,
        **{name: getattr(options, name) for name in options.__dataclass_fields__},
    }
