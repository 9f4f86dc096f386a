"""Ask for DNS service on a replica that was installed without it (guide, step 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import validators
from replicas.actions import plans
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import ForwardPolicy, ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require


@transaction.atomic
def setup_dns(
    actor: Actor,
    replica: Replica,
    *,
    forwarders: Sequence[str] = (),
    no_forwarders: bool = False,
    forward_policy: str = ForwardPolicy.FIRST,
    no_dnssec_validation: bool = False,
    passwords: Mapping[str, str] = NONE,
) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict, ValidationError for forwarders (the form's rules)."""
    require(actor, "request")
    if replica.state != ReplicaState.VERIFIED or replica.setup_dns:
        raise Conflict(
            _("DNS service can be added to a verified replica that has none."), _("Look at the state of the replica.")
        )
    wanted = Replica.objects.select_related("master__realm").get(pk=replica.pk)
    wanted.setup_dns, wanted.forwarders, wanted.no_forwarders = True, list(forwarders), no_forwarders
    wanted.forward_policy, wanted.no_dnssec_validation = forward_policy, no_dnssec_validation
    validators.check_options(wanted)
    plan = plans.freeze(
        actor,
        replica,
        "dns",
        setup_dns=True,
        forwarders=tuple(wanted.forwarders),
        no_forwarders=no_forwarders,
        forward_policy=forward_policy,
        no_dnssec_validation=no_dnssec_validation,
    )
    give_passwords(actor, plan, passwords)
    return plan
