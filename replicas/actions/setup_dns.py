"""Ask for DNS service on a replica that was installed without it (guide, step 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from replicas import later_rules, realm_rules, validators
from replicas.actions import plans
from replicas.actions.give_passwords import NONE, give_passwords
from replicas.choices import ForwardPolicy, ReplicaState
from replicas.errors import Conflict
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require

FORWARDING = ("forwarders", "no_forwarders", "forward_policy", "no_dnssec_validation")
"""What the name service of every realm is asked for."""
ASKED = (*FORWARDING, *realm_rules.OF_DNS)


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
    **more: Any,
) -> Plan:
    """Freeze the plan; `more` are those of realm_rules.OF_DNS.

    Raises NotAllowed, Conflict, ValidationError for what is asked for (the form's rules).
    """
    require(actor, "request")
    if replica.state != ReplicaState.VERIFIED or replica.setup_dns:
        raise Conflict(
            _("DNS service can be added to a verified replica that has none."), _("Look at the state of the replica.")
        )
    if why := later_rules.name_service(replica):
        raise Conflict(why)
    wanted = Replica.objects.select_related("master__realm").get(pk=replica.pk)
    given = {
        "forwarders": list(forwarders),
        "no_forwarders": no_forwarders,
        "forward_policy": forward_policy,
        "no_dnssec_validation": no_dnssec_validation,
        **more,
    }
    for name, value in {"setup_dns": True, **given}.items():
        setattr(wanted, name, value)
    check(wanted, more)
    options = wanted.options()
    chosen = {name: getattr(options, name) for name in ("setup_dns", *ASKED)}
    plan = plans.freeze(actor, replica, "dns", **chosen)
    give_passwords(actor, plan, passwords)
    return plan


def check(wanted: Replica, more: Iterable[str]) -> None:
    """Raises ValidationError for what is asked for now; what the request said before is settled."""
    wanted.clean_fields(exclude={field.name for field in Replica._meta.fields} - set(more))
    try:
        validators.check_options(wanted)
    except ValidationError as error:
        if found := {name: told for name, told in error.error_dict.items() if name in ("setup_dns", *ASKED)}:
            raise ValidationError(found) from None
