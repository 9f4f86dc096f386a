"""Pin a host's SSH key, and accept another one in its place."""

from __future__ import annotations

import asyncio

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.claim import claim
from replicas.choices import REPLICA_ENDED, Comparison, PlanAction, PlanState
from replicas.clients import ssh
from replicas.errors import Conflict, HostKeyChanged
from replicas.lifecycle import order, voiding
from replicas.lifecycle.known_servers import require_own_key
from replicas.models import HostKey, Plan, Realm, Replica
from replicas.permissions import Actor, require


def fetch(address: str, port: int) -> str:
    """The key that the host presents now, as an OpenSSH public key line. Raises HostUnreachable."""
    return asyncio.run(ssh.fetch_host_key(address, port))


def pin(actor: Actor, hostname: str, key: str, compared: str = "") -> HostKey:
    """Return the pinned key of a host, which becomes `key` when none is pinned yet.

    `compared` (Comparison) tells how the actor compared its fingerprint. Without it the key is pinned, and nobody has
    accepted it: `compare` does that. Raises HostKeyChanged when another key is pinned.
    """
    known, _created = HostKey.objects.get_or_create(
        hostname=hostname,
        defaults={"key": key, "fingerprint": ssh.fingerprint(key), "accepted_by": actor.name},
    )
    if known.key != key:
        raise changed(hostname, known.fingerprint, key)
    if compared and not known.compared:
        _accept(actor, known, compared)
    return known


def compare(actor: Actor, known: HostKey, typed: str) -> None:
    """Accept a pinned key that nobody has compared yet, for the fingerprint that the actor typed.

    Belongs into the caller's transaction. Raises ValidationError for another fingerprint and for none.
    """
    if known.compared:
        return
    if differs := difference(typed, known.fingerprint):
        raise ValidationError({"fingerprint": differs})
    _accept(actor, known, Comparison.TYPED)


@transaction.atomic
def compare_for(actor: Actor, plan: Plan, fingerprint: str) -> None:
    """Accept the key of a plan that waits although nobody has compared it: an older version of the portal stored it.

    Raises NotAllowed, Conflict (decided already, another key is pinned), ValidationError for another fingerprint.
    """
    require(actor, "compare_host_key", plan)
    now = Plan.objects.select_for_update(no_key=True).select_related("replica__host_key").get(pk=plan.pk)
    if now.state != PlanState.WAITING:
        raise Conflict(
            _("This plan has been decided on already: %(state)s.") % {"state": now.get_state_display()},
            _("There is nothing to compare."),
        )
    require_pinned(now)
    compare(actor, now.replica.host_key, fingerprint)


def uncompared(plan: Plan) -> bool:
    """Return whether the plan would send secrets to a new host whose key nobody has compared."""
    return plan.action == PlanAction.INSTALL and not plan.replica.host_key.compared


def require_compared(plan: Plan) -> None:
    """Raise Conflict when an approval would trust a key that nobody has compared, by what is stored now."""
    plan.replica.host_key.refresh_from_db(fields=("compared",))
    if uncompared(plan):
        raise Conflict(
            _("Nobody has compared the host key of %(host)s.") % {"host": plan.replica.hostname},
            _(
                "The requester or an administrator opens the plan and enters the fingerprint from the host's console. "
                "Then the plan can be approved."
            ),
        )


def difference(typed: str, fingerprint: str) -> str:
    """Return what is wrong with a typed fingerprint; an empty text when it is the same."""
    if not typed:
        return _("Enter the fingerprint that you read on the host's own console.")
    if typed != fingerprint:
        return _(
            "This is not the fingerprint of the key that the host presents. Do not submit the request. Check that the "
            "SSH address is the right one and that you read the same type of key. Otherwise another machine answers at "
            "that address."
        )
    return ""


def _accept(actor: Actor, known: HostKey, compared: str) -> None:
    claim(
        known,
        {"fingerprint": known.fingerprint, "compared": ""},
        compared=compared,
        accepted_by=actor.name,
        accepted_at=timezone.now(),
    )
    audit.record(actor, "hostkey:accept", known, after={"fingerprint": known.fingerprint, "compared": compared})


def pin_own(actor: Actor, hostname: str, key: str) -> HostKey:
    """Pin the key of a host that is to become a replica.

    Raises HostKeyChanged, and Conflict for the key of another server that the portal knows.
    """
    require_own_key(hostname, ssh.fingerprint(key))
    return pin(actor, hostname, key)


def changed(hostname: str, fingerprint: str, key: str) -> HostKeyChanged:
    """What is told of a host that presents `key`, while the one with that fingerprint is pinned."""
    return HostKeyChanged(
        _("%(host)s presents the key %(new)s, but %(old)s is pinned.")
        % {"host": hostname, "new": ssh.fingerprint(key), "old": fingerprint},
        _("Find out why. If the host was reinstalled, an administrator accepts the new key, with a reason."),
    )


def require_pinned(plan: Plan) -> None:
    """Raise Conflict when the plan's hosts are pinned to other keys than those that are frozen in it."""
    job, replica = plan.frozen_job(), plan.replica
    for frozen, target in ((job.master, voiding.master_of(replica, job)), (job.replica, replica)):
        if frozen.host_key != target.host_key.key:
            raise Conflict(
                _("The plan is approved for another host key of %(host)s than the one that is pinned now.")
                % {"host": target.hostname},
                _("Cancel the plan if it still waits. %(again)s") % {"again": voiding.ask_again(plan.action)},
            )


@transaction.atomic
def accept(actor: Actor, known: HostKey, key: str, fingerprint: str, reason: str) -> None:
    """Replace a pinned key by the one whose fingerprint a person has compared; plans with the old one are void.

    Raises NotAllowed, Conflict, ValidationError without a reason.
    """
    require(actor, "accept_host_key")
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this host has another key now.")})
    if ssh.fingerprint(key) != fingerprint:
        raise Conflict(
            _("%(host)s presents another key than the one that you compared.") % {"host": known.hostname},
            _("Compare the fingerprint again."),
        )
    if fingerprint == known.fingerprint:
        raise Conflict(
            _("%(host)s presents the key that is pinned.") % {"host": known.hostname}, _("There is nothing to accept.")
        )
    if Replica.objects.filter(hostname=known.hostname).exclude(state__in=REPLICA_ENDED).exists():
        require_own_key(known.hostname, fingerprint)
    before = known.fingerprint
    concerned = Q(masters__hostname=known.hostname) | Q(masters__replicas__hostname=known.hostname)
    realms = list(Realm.objects.filter(concerned).distinct())
    order.hold_realms(realms)
    claim(
        known,
        {"fingerprint": before},
        key=key,
        fingerprint=fingerprint,
        accepted_by=actor.name,
        accepted_at=timezone.now(),
        compared=Comparison.CONFIRMED,
        reason=reason,
    )
    audit.record(
        actor,
        "hostkey:accept",
        known,
        before={"fingerprint": before},
        after={"fingerprint": fingerprint, "compared": Comparison.CONFIRMED},
        reason=reason,
    )
    for realm in realms:
        voiding.void_outdated(realm)
