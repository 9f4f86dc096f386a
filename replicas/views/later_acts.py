"""The acts on a verified replica that change what it is in its realm."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from replicas import later_rules
from replicas.actions import later
from replicas.choices import PlanAction
from replicas.forms.later import AuthorityForm, RecoveryForm, ReinitializeForm, SegmentForm, VisibilityForm
from replicas.views.kinds import Kind, Subject


def able(action: PlanAction) -> Callable[[Subject], bool]:
    return lambda subject: subject.idle and not later_rules.hindrance(subject.replica, action)


LATER = {
    "ca": Kind(
        verb="request",
        action=PlanAction.CA,
        form=AuthorityForm,
        offered=able(PlanAction.CA),
        do=lambda actor, subject, data: later.add_authority(actor, subject.replica, **data),
        label=_("Set up certificate authority"),
        help=_(
            "Asks for a plan that makes a copy of the realm's authority on this replica (ipa-ca-install). Needs a "
            "realm that has an authority, the Directory Manager password, and memory for it. It goes only with the "
            "replica itself. Someone else approves it."
        ),
        symbol="shield",
    ),
    "kra": Kind(
        verb="request",
        action=PlanAction.KRA,
        form=RecoveryForm,
        offered=able(PlanAction.KRA),
        do=lambda actor, subject, data: later.add_recovery(actor, subject.replica, **data),
        label=_("Set up key recovery authority"),
        help=_(
            "Asks for a plan that makes a copy of the realm's store for lost keys on this replica (ipa-kra-install). "
            "Needs a certificate authority on this replica, another server that has such a store, and the Directory "
            "Manager password. It goes only with the replica itself. Someone else approves it."
        ),
        symbol="key",
    ),
    "hide": Kind(
        verb="request",
        action=PlanAction.HIDE,
        form=VisibilityForm,
        offered=able(PlanAction.HIDE),
        do=lambda actor, subject, data: later.hide(actor, subject.replica, **data),
        label=_("Hide replica"),
        help=_(
            "Asks for a plan after which no DNS record leads clients to this replica; it goes on serving whoever knows "
            "it. Not for the last server of a role, nor for the one that renews certificates or keeps the DNSSEC keys. "
            "Someone else approves it."
        ),
        symbol="globe",
    ),
    "unhide": Kind(
        verb="request",
        action=PlanAction.UNHIDE,
        form=VisibilityForm,
        offered=able(PlanAction.UNHIDE),
        do=lambda actor, subject, data: later.announce(actor, subject.replica, **data),
        label=_("Announce replica again"),
        help=_(
            "Asks for a plan after which DNS records lead clients to this replica, as to any other server. Someone "
            "else approves it."
        ),
        symbol="globe",
    ),
    "reinit": Kind(
        verb="request",
        action=PlanAction.REINITIALIZE,
        form=ReinitializeForm,
        offered=able(PlanAction.REINITIALIZE),
        do=lambda actor, subject, data: later.reinitialize(actor, subject.replica, **data),
        label=_("Re-initialize replica"),
        help=_(
            "Asks for a plan that replaces everything that this replica has by what another server has, for a replica "
            "that no longer follows. Changes that only this replica has are lost. Needs an agreement with that server. "
            "Someone else approves it."
        ),
        symbol="retry",
        style="btn-outline-danger",
    ),
    "segment": Kind(
        verb="request",
        action=PlanAction.SEGMENT,
        form=SegmentForm,
        offered=able(PlanAction.SEGMENT),
        do=lambda actor, subject, data: later.add_agreement(actor, subject.replica, **data),
        label=_("Add agreement"),
        help=_(
            "Asks for a plan that lets this replica replicate with another server too, in both directions. Two to four "
            "agreements a server are right. Needs a server that it has none with. Someone else approves it."
        ),
        symbol="plus",
    ),
}
