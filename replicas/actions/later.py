"""Ask for what a verified replica can become: with an authority, hidden, initialized anew, with another agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from replicas import later_rules
from replicas.actions import plans
from replicas.actions.give_passwords import NONE, give_passwords, lacking
from replicas.choices import PlanAction
from replicas.errors import Conflict
from replicas.lifecycle.job import Action
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require


@transaction.atomic
def add_authority(
    actor: Actor,
    replica: Replica,
    *,
    pki_config_override: str = "",
    token_name: str = "",
    token_library_path: str = "",
    token_password_file: str = "",
    skip_mem_check: bool = False,
    passwords: Mapping[str, str] = NONE,
) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict, ValidationError for options and for a password that is missing."""
    given = {
        "pki_config_override": pki_config_override,
        "token_name": token_name,
        "token_library_path": token_library_path,
        "token_password_file": token_password_file,
        "skip_mem_check": skip_mem_check,
    }
    return _authority(actor, replica, PlanAction.CA, given, passwords)


@transaction.atomic
def add_recovery(
    actor: Actor,
    replica: Replica,
    *,
    pki_config_override: str = "",
    token_password_file: str = "",
    skip_mem_check: bool = False,
    passwords: Mapping[str, str] = NONE,
) -> Plan:
    """Likewise for the key recovery authority. Raises as `add_authority`."""
    given = {
        "pki_config_override": pki_config_override,
        "token_password_file": token_password_file,
        "skip_mem_check": skip_mem_check,
    }
    return _authority(actor, replica, PlanAction.KRA, given, passwords)


@transaction.atomic
def hide(actor: Actor, replica: Replica, passwords: Mapping[str, str] = NONE) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict."""
    return _freeze(actor, _able(actor, replica, PlanAction.HIDE), PlanAction.HIDE, passwords, hidden_replica=True)


@transaction.atomic
def announce(actor: Actor, replica: Replica, passwords: Mapping[str, str] = NONE) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict."""
    return _freeze(actor, _able(actor, replica, PlanAction.UNHIDE), PlanAction.UNHIDE, passwords, hidden_replica=False)


@transaction.atomic
def reinitialize(
    actor: Actor, replica: Replica, *, suffix: str, partner: str, passwords: Mapping[str, str] = NONE
) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict, ValidationError for a server that it does not replicate with."""
    able = _able(actor, replica, PlanAction.REINITIALIZE)
    later_rules.check_link((suffix, partner), later_rules.links(able))
    return _freeze(actor, able, PlanAction.REINITIALIZE, passwords, suffix=suffix, partner=partner)


@transaction.atomic
def add_agreement(
    actor: Actor, replica: Replica, *, suffix: str, partner: str, passwords: Mapping[str, str] = NONE
) -> Plan:
    """Freeze the plan. Raises NotAllowed, Conflict, ValidationError for a server that it replicates with already."""
    able = _able(actor, replica, PlanAction.SEGMENT)
    later_rules.check_link((suffix, partner), later_rules.unlinked(able))
    return _freeze(actor, able, PlanAction.SEGMENT, passwords, suffix=suffix, partner=partner)


def _authority(
    actor: Actor, replica: Replica, action: PlanAction, given: Mapping[str, Any], passwords: Mapping[str, str]
) -> Plan:
    able = _able(actor, replica, action)
    later_rules.check_options(able, given)
    missing = [name for name in lacking(able, action) if not passwords.get(name)]
    if "directory_manager" in missing:
        raise ValidationError(
            {"directory_manager": _("The installer needs it, and it is not stored: give it for this run.")}
        )
    # What the installation of the server itself was told about an authority is not meant here.
    unset = dict.fromkeys(("pki_config_override", "token_name", "token_library_path", "token_password_file"), "")
    added = {"setup_ca": True} if action == PlanAction.CA else {"setup_kra": True}
    return _freeze(actor, able, action, passwords, **unset | dict(given) | added)


def _able(actor: Actor, replica: Replica, action: PlanAction) -> Replica:
    """As it is now. Raises NotAllowed, Conflict."""
    require(actor, "request")
    now = Replica.objects.select_related("master__realm", "master__host_key", "host_key").get(pk=replica.pk)
    if why := later_rules.hindrance(now, action):
        raise Conflict(why, _("Look at the state of the replica, and at the page of its realm."))
    return now


def _freeze(actor: Actor, replica: Replica, action: PlanAction, passwords: Mapping[str, str], **options: Any) -> Plan:
    plan = plans.freeze(actor, replica, cast(Action, action.value), **options)
    give_passwords(actor, plan, passwords)
    return plan
