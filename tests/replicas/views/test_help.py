"""What the rules refuse is what the help beside each option says beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from replicas import validators
from replicas.choices import ForwardPolicy
from replicas.forms import realm_help
from replicas.forms.dns import DnsForm
from replicas.forms.requests import IN_ROW, ReplicaRequestForm
from replicas.lifecycle.job import UPLOADS, file_of, label_of
from replicas.models import Replica

ALONE: dict[str, Any] = {
    "forwarders": ["192.0.2.53"],
    "no_forwarders": True,
    "forward_policy": ForwardPolicy.ONLY,
    "no_dnssec_validation": True,
    "reverse_zone": "2.0.192.in-addr.arpa",
    "no_reverse": True,
    "setup_dns": True,
    "auto_forwarders": True,
    "auto_reverse": True,
    "allow_zone_overlap": True,
    "more_reverse_zones": ["2.0.192.in-addr.arpa"],
    "dns_over_tls": True,
    "dot_forwarders": ["192.0.2.53#dns.example.com"],
    "dns_policy": "enforced",
    "dns_over_tls_cert": "/root/dot.pem",
    "dns_over_tls_key": "/root/dot.key",
    "add_agents": True,
    "enable_compat": True,
    "pki_config_override": "/root/pki.ini",
    "token_library_path": "/usr/lib64/lib.so",
    "token_password_file": "/root/pin",
    "http_cert_name": "web",
}
TOGETHER = {
    "no_forwarders": {"setup_dns": True, "no_forwarders": True, "forwarders": ["192.0.2.53"]},
    "reverse_zone": {"ip_addresses": ["192.0.2.9"], "reverse_zone": "2.0.192.in-addr.arpa", "no_reverse": True},
    "auto_reverse": {
        **{"setup_dns": True, "no_forwarders": True, "ip_addresses": ["192.0.2.8"]},
        **{"auto_reverse": True, "no_reverse": True},
    },
    "ntp_servers": {"no_ntp": True, "ntp_servers": ["192.0.2.123"]},
    "ntp_pool": {"no_ntp": True, "ntp_pool": "pool.example.com"},
}


def refused(**options: Any) -> set[str]:
    try:
        validators.check_options(Replica(hostname="r.example.com", ssh_address="192.0.2.9", **options))
    except ValidationError as error:
        return set(error.error_dict)
    return set()


@pytest.mark.parametrize("name", ALONE)
def test_help_says_what_an_option_needs(name: str, db: None) -> None:
    assert refused(**{name: ALONE[name]})
    fields = [form.base_fields[name] for form in (ReplicaRequestForm, DnsForm) if name in form.base_fields]
    assert fields
    assert all("need" in str(field.help_text).lower() for field in fields)


@pytest.mark.parametrize("name", TOGETHER)
def test_help_says_what_an_option_excludes(name: str, db: None) -> None:
    assert refused(**TOGETHER[name]) == {name}
    assert "excludes" in str(ReplicaRequestForm.base_fields[name].help_text).lower()


def test_every_option_of_some_realms_says_what_it_is() -> None:
    assert set(realm_help.HELP) == set(IN_ROW)
    grouped = [name for names in realm_help.GROUPS.values() for name in names]
    beside = {"no_pkinit", *map(file_of, UPLOADS), *map(label_of, UPLOADS)}
    assert sorted([*grouped, *beside]) == sorted(IN_ROW)
