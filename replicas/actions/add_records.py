"""Ask for the DNS records that a replica lacks (guide, step 5)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from replicas.actions import plans
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require


@transaction.atomic
def add_records(actor: Actor, replica: Replica, passwords: Mapping[str, str] = NONE) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict."""
    require(actor, "request")
    if replica.state != ReplicaState.VERIFIED:
        raise Conflict(_("%(host)s is not installed yet.") % {"host": replica.hostname}, _("Install it first."))
    if not replica.master.realm.dns:
        raise Conflict(
            _("The realm has no integrated DNS, so the portal cannot add records."),
            _("Paste the lines that the replica's page shows into your own name server."),
        )
    plan = plans.freeze(actor, replica, "records")
    give_passwords(actor, plan, passwords)
    return plan
