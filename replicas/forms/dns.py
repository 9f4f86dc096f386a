"""Name service for a verified replica, with the rules of the request."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from replicas import realm_rules, validators
from replicas.choices import DnsPolicy, ForwardPolicy
from replicas.forms.fields import AddressesField, WordsField
from replicas.forms.later import OfReplica
from replicas.forms.realm_help import HELP
from replicas.forms.requests import DNS_HELP
from replicas.models import Replica


def _path(name: str, label: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=HELP[name], required=False, max_length=300, validators=[validators.validate_path]
    )


class DnsForm(OfReplica):
    """What only some realms and releases have is asked for where the replica's has it (OfReplica.about)."""

    forwarders = AddressesField(label=_("Forwarders"), help_text=DNS_HELP["forwarders"])
    no_forwarders = forms.BooleanField(label=_("No forwarders"), required=False, help_text=DNS_HELP["no_forwarders"])
    auto_forwarders = forms.BooleanField(
        label=_("Forwarders of the system"), required=False, help_text=HELP["auto_forwarders"]
    )
    forward_policy = forms.ChoiceField(
        label=_("Forward policy"),
        choices=ForwardPolicy.choices,
        initial=ForwardPolicy.FIRST,
        required=False,
        help_text=DNS_HELP["forward_policy"],
    )
    no_dnssec_validation = forms.BooleanField(
        label=_("No DNSSEC validation"), required=False, help_text=DNS_HELP["no_dnssec_validation"]
    )
    auto_reverse = forms.BooleanField(
        label=_("Make missing reverse zones"), required=False, help_text=HELP["auto_reverse"]
    )
    more_reverse_zones = WordsField(
        "more_reverse_zones", label=_("Further reverse zones"), help_text=HELP["more_reverse_zones"]
    )
    allow_zone_overlap = forms.BooleanField(
        label=_("Allow zones that exist elsewhere"), required=False, help_text=HELP["allow_zone_overlap"]
    )
    dns_over_tls = forms.BooleanField(label=_("DNS over TLS"), required=False, help_text=HELP["dns_over_tls"])
    dot_forwarders = WordsField("dot_forwarders", label=_("Forwarders over TLS"), help_text=HELP["dot_forwarders"])
    dns_policy = forms.ChoiceField(
        label=_("Policy of DNS over TLS"),
        choices=[("", _("the installer's own")), *DnsPolicy.choices],
        required=False,
        help_text=HELP["dns_policy"],
    )
    dns_over_tls_cert = _path("dns_over_tls_cert", _("Certificate for DNS over TLS"))
    dns_over_tls_key = _path("dns_over_tls_key", _("Key for DNS over TLS"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["forward_policy"] = data.get("forward_policy") or ForwardPolicy.FIRST
        for name in realm_rules.OF_DNS:
            data[name] = data.get(name) or None
        if not self.errors:
            told = ("forwarders", "no_forwarders", "forward_policy", "no_dnssec_validation", *realm_rules.OF_DNS)
            wanted = Replica(setup_dns=True, **{name: data[name] for name in told})
            validators.check_options(wanted)
        return data
