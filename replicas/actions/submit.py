"""Ask for a replica: check the request, pin the host's key, and freeze the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions import host_keys, plans
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import PLANS_OF_REMOVAL, REPLICA_ENDED, RUN_ACTIVE, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.known_servers import KnownServers, require_own_address
from replicas.models import Master, Plan, Replica, Run
from replicas.permissions import Actor, require


def submit(actor: Actor, replica: Replica, passwords: Mapping[str, str] = NONE) -> Plan:
    """Store a request that the form filled in, with the key that its host presents now, and its own passwords and
    uploaded certificates by name.

    Raises NotAllowed, ValidationError (by field), Conflict (the hostname is in use), HostUnreachable, HostKeyChanged.
    """
    replica.requested_by = require(actor, "request")
    check(replica)
    return store(actor, replica, host_keys.fetch(replica.ssh_address, replica.ssh_port), passwords)


@transaction.atomic
def store(actor: Actor, replica: Replica, key: str, passwords: Mapping[str, str] = NONE) -> Plan:
    """What `submit` does once it knows the host's key."""
    replica.requested_by = require(actor, "request")
    check(replica, Known.of(replica, health=False))
    replica.host_key = host_keys.pin_own(actor, replica.hostname, key)
    try:
        with transaction.atomic():
            replica.save()
    except IntegrityError as error:
        raise in_use(replica) from error
    audit.record(actor, "replica:request", replica, after=_facts(replica))
    plan = plans.freeze(actor, replica, "install")
    give_passwords(actor, plan, passwords)
    return plan


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of the hosts of some requests, and of their masters, read at once."""

    replicas: dict[str, list[tuple[int, str]]]
    """By host name: key and state."""
    masters: frozenset[str]
    """Those that the portal has removed are none any more; their rows stay for what was made from them."""
    leaving: frozenset[str]
    """Of the masters that were asked for."""
    servers: KnownServers
    """By address."""

    @classmethod
    def of(cls, *asked: Replica, health: bool = True) -> Known:
        """`health`: with the addresses that the last health checks saw."""
        names, masters = {replica.hostname for replica in asked}, {replica.master.hostname for replica in asked}
        rows: dict[str, list[tuple[int, str]]] = {}
        found = Replica.objects.filter(hostname__in=names | masters)
        for hostname, key, state in found.values_list("hostname", "pk", "state"):
            rows.setdefault(hostname, []).append((key, state))
        registered = set(Master.objects.filter(hostname__in=names).values_list("hostname", flat=True))
        return cls(
            rows,
            frozenset(registered - _removed(registered & rows.keys())),
            _leaving(masters & rows.keys()),
            KnownServers.read(health),
        )


def _removed(hostnames: set[str]) -> set[str]:
    """Those that were taken back to blank hosts, whatever has been asked for since."""
    if not hostnames:
        return set()
    runs = Run.objects.filter(state=RunState.SUCCEEDED, plan__action__in=PLANS_OF_REMOVAL)
    return set(
        Replica.objects.filter(
            Q(state=ReplicaState.REMOVED) | Q(plans__in=runs.values("plan")), hostname__in=hostnames
        ).values_list("hostname", flat=True)
    )


def _leaving(hostnames: set[str]) -> frozenset[str]:
    """Those whose removal waits for its approval, for its window or for a worker, or is at work."""
    if not hostnames:
        return frozenset()
    begun = Run.objects.filter(state__in=RUN_ACTIVE).values("plan")
    plans = Plan.objects.filter(
        Q(state=PlanState.WAITING) | Q(pk__in=begun), action__in=PLANS_OF_REMOVAL, replica__hostname__in=hostnames
    )
    return frozenset(plans.values_list("replica__hostname", flat=True))


def check(replica: Replica, known: Known | None = None) -> None:
    """Everything that can be wrong before a host is asked for anything. Raises ValidationError, Conflict."""
    # Who it points to was fetched from the database just now, which refuses others anyway.
    replica.full_clean(exclude={"host_key", "master", "requested_by"})
    known = known or Known.of(replica)
    if any(key != replica.pk and state not in REPLICA_ENDED for key, state in known.replicas.get(replica.hostname, ())):
        raise in_use(replica)
    if replica.hostname in known.masters:
        raise Conflict(
            _("%(host)s is a registered master.") % {"host": replica.hostname}, _("A replica is another host.")
        )
    require_own_address(replica, known.servers)
    require_living_master(replica, known)


def require_living_master(replica: Replica, known: Known | None = None) -> None:
    """A master that the portal made counts as long as it is verified, and nobody removes it. Raises Conflict."""
    master, known = replica.master, known or Known.of(replica, health=False)
    states = [state for _key, state in known.replicas.get(master.hostname, ())]
    if states and ReplicaState.VERIFIED not in states:
        raise Conflict(
            _("%(host)s is no master at present: as a replica it is not verified.") % {"host": master.hostname},
            _("Choose another master."),
        )
    if master.hostname in known.leaving:
        raise Conflict(
            _("%(host)s is about to be removed.") % {"host": master.hostname},
            _("Choose another master, or have the removal cancelled first."),
        )


def in_use(replica: Replica) -> Conflict:
    return Conflict(
        _("There is a request or a replica for %(host)s already.") % {"host": replica.hostname},
        _("Open it in the list of replicas: what can be done with it now (cancel, retry, undo, remove) is there."),
    )


def _facts(replica: Replica) -> dict[str, object]:
    """The request as the history keeps it."""
    endpoint = replica.endpoint()
    return {
        "hostname": endpoint.hostname,
        "address": endpoint.address,
        "fingerprint": replica.host_key.fingerprint,
        "master": replica.master.hostname,
        **asdict(replica.options()),
    }
