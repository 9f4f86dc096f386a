"""Change what a realm asks for before anything is run in it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.errors import Conflict
from replicas.lifecycle import order, voiding
from replicas.models import ApprovalPolicy, Realm
from replicas.permissions import Actor, require

FIELDS = ("needed", "extra_for_ca", "extra_for_dns", "groups", "expiry_hours", "windows", "zone")


@transaction.atomic
def set_policy(actor: Actor, realm: Realm, reason: str, **values: Any) -> int:
    """Store the policy, by the names in FIELDS, and void every plan that waits and would now need something else.

    Gives how many that were. Raises NotAllowed, ValidationError, Conflict when nothing was changed.
    """
    require(actor, "set_policy")
    Realm.objects.select_for_update(no_key=True).get(pk=realm.pk)
    order.hold_realms([realm])
    policy = ApprovalPolicy.objects.filter(realm=realm).first() or ApprovalPolicy(realm=realm)
    before = {name: getattr(policy, name) for name in FIELDS}
    if policy.pk and before == {**before, **values}:
        raise Conflict(_("This is the policy of %(realm)s already.") % {"realm": realm}, _("Change something first."))
    for name, value in values.items():
        setattr(policy, name, value)
    policy.changed_by = actor.name
    policy.full_clean()
    policy.save()
    audit.record(
        actor,
        "policy:set",
        policy,
        before=before,
        after={name: getattr(policy, name) for name in FIELDS},
        reason=reason,
    )
    return voiding.void_outdated(realm)
