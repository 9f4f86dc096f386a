"""What can be done with a verified replica later: forms that ask for what that replica, its realm and release have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas import later_rules, validators
from replicas.backends import registry
from replicas.forms.fields import HostnameField, OneRunPasswords
from replicas.later_rules import Link
from replicas.lifecycle.job import REALM_OPTIONS
from replicas.models import Replica

WITHIN = _("Path of a file on the replica's host with settings for Dogtag (--pki-config-override). Seldom needed.")
WORD = r"^[a-z][a-z0-9-]*$"


class OfReplica(OneRunPasswords):
    """A form that looks different for each replica."""

    def about(self, replica: Replica) -> None:
        """Leave out what the replica's release does not have, unless it was filled in."""
        master = replica.master
        offered = registry.offered(master.realm.backend, master.versions, master.offers)
        for name in set(REALM_OPTIONS) & set(self.fields) - offered:
            if not self.data.get(name):
                del self.fields[name]


def _path(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=300,
        validators=[validators.validate_path],
    )


class RecoveryForm(OfReplica):
    """A key recovery authority for a replica that has a certificate authority."""

    skip_mem_check = forms.BooleanField(
        label=_("No memory check"), required=False, help_text=_("Go on with less memory than Dogtag is known to need.")
    )
    pki_config_override = _path(_("Changes to Dogtag's settings"), WITHIN)
    token_password_file = _path(
        _("Password file of the security module"),
        _(
            "Path of a file on the replica's host (--token-password-file). Needed where the realm's keys are in a "
            "hardware security module."
        ),
    )


class AuthorityForm(RecoveryForm):
    """A certificate authority for a replica that has none."""

    token_name = forms.CharField(
        label=_("Token of the security module"),
        required=False,
        max_length=64,
        validators=[validators.validate_label],
        help_text=_("Where the CA's keys are, in a hardware security module (--token-name)."),
    )
    token_library_path = _path(
        _("Library of the security module"),
        _("Path of its PKCS#11 library on the replica's host (--token-library-path)."),
    )
    field_order = ("pki_config_override", "token_name", "token_library_path", "token_password_file", "skip_mem_check")


class VisibilityForm(OfReplica):
    """Hide a replica, or announce it again."""


class LinkForm(OfReplica):
    """An agreement, by what it replicates and with which server; `about` offers those that there can be."""

    suffix = forms.RegexField(
        WORD,
        label=_("Suffix"),
        max_length=20,
        initial=later_rules.DOMAIN,
        help_text=_("What is replicated: «domain» is the realm's own data, «ca» that of the certificate authority."),
    )
    partner = HostnameField(label=_("Server"))

    def about(self, replica: Replica) -> None:
        super().about(replica)
        self.offer(self.known(replica))

    def known(self, replica: Replica) -> list[Link]:
        raise NotImplementedError

    def offer(self, links: Iterable[Link]) -> None:
        """As lists to choose from."""
        known = list(links)
        for name, found in (("suffix", {one for one, _name in known}), ("partner", {name for _one, name in known})):
            self.fields[name].widget = forms.Select(choices=[(one, one) for one in sorted(found)])


class ReinitializeForm(LinkForm):
    """From which server a replica is initialized anew."""

    def known(self, replica: Replica) -> list[Link]:
        return later_rules.links(replica)


class SegmentForm(LinkForm):
    """With which server a replica gets another agreement."""

    def known(self, replica: Replica) -> list[Link]:
        return later_rules.unlinked(replica)

    def settle(self, suffix: str, partner: str) -> None:
        """Nothing to choose: it is this one."""
        for name, value in (("suffix", suffix), ("partner", partner)):
            self.fields[name].initial = value
            self.fields[name].widget = forms.HiddenInput()
