"""What the options of a request need and exclude: the same in the form, the model and the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import BaseForm

from replicas.forms.requests import DnsForm, ReplicaRequestForm
from replicas.models import HostKey, Master, Replica
from tests.replicas.services.conftest import KEY, Cast

ADDRESS = ["192.0.2.11"]
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"hostname": "IPA.example.com"}, "hostname", "lower-case"),
    ({"hostname": "ipa_replica.example.com"}, "hostname", "underscore"),
    ({"hostname": "ipaserver.example.com"}, "hostname", "the master itself"),
    ({"setup_dns": True}, "forwarders", "explicit «no forwarders»"),
    ({"setup_dns": True, "forwarders": ["192.0.2.53"], "no_forwarders": True}, "no_forwarders", "not both"),
    ({"forwarders": ["192.0.2.53"]}, "forwarders", "ask for DNS too"),
    ({"no_forwarders": True}, "no_forwarders", "replica with DNS"),
    ({"setup_dns": True, "forwarders": ["dns.example.com"]}, "forwarders", "dns.example.com is not an IPv4"),
    ({"setup_dns": True, "forwarders": ADDRESS, "ip_addresses": ADDRESS}, "forwarders", "its own address"),
    ({"ip_addresses": ["127.0.0.1"]}, "ip_addresses", "127.0.0.1 is a loopback"),
    ({"ip_addresses": ["fe80::1"]}, "ip_addresses", "link-local"),
    ({"ip_addresses": ["10.0.0.300"]}, "ip_addresses", "10.0.0.300 is not"),
    ({"ip_addresses": ADDRESS, "no_reverse": True, "reverse_zone": "2.0.192.in-addr.arpa"}, "reverse_zone", "exclude"),
    ({"ip_addresses": ADDRESS, "reverse_zone": "example.com"}, "reverse_zone", "not a reverse zone"),
    ({"reverse_zone": "2.0.192.in-addr.arpa"}, "reverse_zone", "needs an IP address"),
    ({"no_reverse": True}, "no_reverse", "only with an IP address"),
]
IN_DATABASE = [
    {"hostname": "IPA.example.com"},
    {"hostname": "ipa_replica.example.com"},
    {"hostname": "a.example.com\n"},
    {"setup_dns": True},
    {"setup_dns": True, "forwarders": ["192.0.2.53"], "no_forwarders": True},
    {"forwarders": ["192.0.2.53"]},
    {"no_forwarders": True},
    {"ip_addresses": ADDRESS, "no_reverse": True, "reverse_zone": "2.0.192.in-addr.arpa"},
]


def form_data(master: Master, options: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "hostname": "ipareplica.example.com",
        "master": master.pk,
        "ssh_address": "192.0.2.11",
        "ssh_port": 22,
        "ssh_user": "root",
        "forward_policy": "first",
    }
    data |= {name: "\n".join(value) if isinstance(value, list) else value for name, value in options.items()}
    return {name: value for name, value in data.items() if value is not False}


def errors(form: BaseForm, field: str) -> str:
    return " ".join(map(str, form.errors[field]))


@pytest.mark.parametrize(("options", "field", "text"), BAD)
def test_the_form_refuses(master: Master, options: dict[str, Any], field: str, text: str) -> None:
    form = ReplicaRequestForm(form_data(master, options))
    assert text in errors(form, field)


@pytest.mark.parametrize(("options", "field", "text"), BAD)
def test_the_model_refuses(
    cast: Cast, wanted: Callable[..., Replica], options: dict[str, Any], field: str, text: str
) -> None:
    assert cast.operator.user
    replica = wanted(**options)
    replica.requested_by = cast.operator.user
    replica.host_key = replica.master.host_key
    with pytest.raises(ValidationError) as caught:
        replica.full_clean()
    assert text in " ".join(caught.value.message_dict[field])


@pytest.mark.parametrize("options", IN_DATABASE)
def test_the_database_refuses(cast: Cast, wanted: Callable[..., Replica], options: dict[str, Any]) -> None:
    key = HostKey.objects.create(hostname="k.example.com", key=KEY, fingerprint="SHA256:y")
    good = wanted(requested_by=cast.operator.user, host_key=key)
    good.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Replica.objects.filter(pk=good.pk).update(**options)
    with pytest.raises(IntegrityError), transaction.atomic():
        Replica.objects.bulk_create(
            [wanted(**{"hostname": "b.example.com", **options}, requested_by=cast.operator.user, host_key=key)]
        )


def test_a_realm_without_dns_refuses_addresses_with_the_reason(master: Master) -> None:
    master.realm.dns = False
    master.realm.save()
    form = ReplicaRequestForm(form_data(master, {"ip_addresses": ADDRESS, "setup_dns": True, "no_forwarders": True}))
    assert "no DNS record to update" in errors(form, "ip_addresses")
    assert "no zones to serve" in errors(form, "setup_dns")


def test_an_authority_needs_one_to_copy(master: Master) -> None:
    master.ca = False
    master.save()
    form = ReplicaRequestForm(form_data(master, {"setup_ca": True}))
    assert "no authority" in errors(form, "setup_ca")


def test_addresses_of_both_kinds_are_accepted_in_canonical_form(master: Master) -> None:
    form = ReplicaRequestForm(form_data(master, {"ip_addresses": ["192.0.2.11", "2001:DB8:0::11", "192.0.2.11"]}))
    assert form.is_valid(), form.errors
    assert form.instance.ip_addresses == ["192.0.2.11", "2001:db8::11"]


def test_dns_later_has_the_same_forwarder_rules() -> None:
    assert "explicit «no forwarders»" in errors(DnsForm({}), "forwarders")
    assert DnsForm({"no_forwarders": "on"}).is_valid()
    assert DnsForm({"forwarders": "192.0.2.53, 2001:db8::53"}).is_valid()
