"""What the options of a request need and exclude: the same in the form, the model and the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import BaseForm

from replicas.forms.dns import DnsForm
from replicas.forms.requests import ReplicaRequestForm
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
    ({"ssh_address": "127.0.0.1"}, "ssh_address", "127.0.0.1 is a loopback"),
    ({"ssh_address": "224.0.0.5"}, "ssh_address", "multicast"),
    ({"ssh_address": "fe80::1%eth0"}, "ssh_address", "link-local"),
    ({"ssh_user": "AD\\\\portal"}, "ssh_user", "not an account name"),
    ({"ip_addresses": ["127.0.0.1"]}, "ip_addresses", "127.0.0.1 is a loopback"),
    ({"ip_addresses": ["fe80::1"]}, "ip_addresses", "link-local"),
    ({"ip_addresses": ["10.0.0.300"]}, "ip_addresses", "10.0.0.300 is not"),
    ({"ip_addresses": ADDRESS, "no_reverse": True, "reverse_zone": "2.0.192.in-addr.arpa"}, "reverse_zone", "exclude"),
    ({"ip_addresses": ADDRESS, "reverse_zone": "example.com"}, "reverse_zone", "not a reverse zone"),
    ({"reverse_zone": "2.0.192.in-addr.arpa"}, "reverse_zone", "needs an IP address"),
    ({"no_reverse": True}, "no_reverse", "only with an IP address"),
    ({"setup_kra": True}, "setup_kra", "do not have this option"),
    ({"mkhomedir": True}, "mkhomedir", "do not have this option"),
    ({"dirsrv_cert_file": "/root/cert.pem"}, "dirsrv_cert_file", "do not have this option"),
    ({"dirsrv_cert_file": "/root/../x"}, "dirsrv_cert_file", "not a path"),
    ({"http_cert_file": "/root/$(id)"}, "http_cert_file", "not a path"),
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
    assert "no zones to serve. Its first name server is set up by hand" in errors(form, "setup_dns")


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


FILES = {"dirsrv_cert_file": "/root/dirsrv.pem", "http_cert_file": "/root/http.pem"}


@pytest.mark.parametrize(
    ("offers", "options", "wrong"),
    [
        ({"realm_has_ca": True}, {}, ""),
        ({"realm_has_ca": True}, FILES, "own authority issues it"),
        ({"realm_has_ca": False}, FILES | {"no_pkinit": True}, ""),
        ({"realm_has_ca": False}, FILES | {"pkinit_cert_file": "/root/kdc.pem"}, ""),
        ({"realm_has_ca": False}, {}, "no authority that could issue it"),
        (None, FILES, ""),
        (None, {}, ""),
    ],
)
def test_certificates_are_asked_for_where_the_realm_issues_none(
    master: Master, offers: dict[str, Any] | None, options: dict[str, Any], wrong: str
) -> None:
    master.realm.backend, master.offers = "freeipa", offers
    master.realm.save()
    master.save()
    form = ReplicaRequestForm(form_data(master, options))
    assert form.is_valid() != bool(wrong), form.errors
    if wrong:
        assert all(wrong in errors(form, name) for name in FILES)


def test_a_key_recovery_authority_needs_one_to_copy_and_an_authority(master: Master) -> None:
    master.realm.backend, master.offers = "freeipa", {"realm_has_ca": True, "realm_has_kra": False}
    master.realm.save()
    master.save()
    said = errors(ReplicaRequestForm(form_data(master, {"setup_kra": True})), "setup_kra")
    assert "needs a certificate authority too" in said
    assert "none that could be copied" in said


def test_options_of_some_realms_reach_the_job(master: Master) -> None:
    master.realm.backend = "freeipa"
    master.realm.save()
    form = ReplicaRequestForm(form_data(master, {"mkhomedir": True, "hidden_replica": True}))
    assert form.is_valid(), form.errors
    options = form.instance.options()
    assert (options.mkhomedir, options.hidden_replica, options.no_ntp) == (True, True, False)


DNS = {"setup_dns": True, "forwarders": ["192.0.2.53"]}
TLS = DNS | {"dns_over_tls": True}
IN_FREEIPA: list[tuple[dict[str, Any], str, str]] = [
    *[({name: True}, name, "ask for DNS too") for name in ("auto_forwarders", "auto_reverse", "allow_zone_overlap")],
    ({"more_reverse_zones": ["2.0.192.in-addr.arpa"]}, "more_reverse_zones", "ask for DNS too"),
    (DNS | {"more_reverse_zones": ["example.com"]}, "more_reverse_zones", "example.com is not a reverse zone"),
    (DNS | {"auto_reverse": True, "no_reverse": True, "ip_addresses": ADDRESS}, "auto_reverse", "excludes"),
    ({"setup_dns": True, "auto_forwarders": True, "no_forwarders": True}, "no_forwarders", "not both"),
    ({"dns_over_tls": True}, "dns_over_tls", "ask for DNS too"),
    (DNS | {"dns_policy": "enforced"}, "dns_policy", "DNS over TLS"),
    (DNS | {"dot_forwarders": ["192.0.2.53#dns.example.com"]}, "dot_forwarders", "DNS over TLS"),
    (TLS | {"dot_forwarders": ["192.0.2.53"]}, "dot_forwarders", "as in 192.0.2.53#dns.example.com"),
    (TLS | {"dot_forwarders": ["127.0.0.1#dns.example.com"]}, "dot_forwarders", "loopback"),
    (TLS | {"dns_over_tls_cert": "/root/dot.pem"}, "dns_over_tls_key", "without the other"),
    (TLS | {"dns_over_tls_key": "/root/dot key"}, "dns_over_tls_key", "not a path"),
    ({"no_ntp": True, "ntp_servers": ["time.example.com"]}, "ntp_servers", "left alone"),
    ({"no_ntp": True, "ntp_pool": "pool.example.com"}, "ntp_pool", "left alone"),
    ({"ntp_servers": ["time_server"]}, "ntp_servers", "underscore"),
    ({"add_agents": True}, "add_agents", "Active Directory trust"),
    ({"enable_compat": True}, "enable_compat", "Active Directory trust"),
    ({"netbios_name": "a$b"}, "netbios_name", "no NetBIOS name"),
    ({"rid_base": 1000, "secondary_rid_base": 1000}, "secondary_rid_base", "different numbers"),
    ({"pki_config_override": "/root/pki.ini"}, "pki_config_override", "certificate authority too"),
    (
        DNS
        | {"ip_addresses": ADDRESS, "reverse_zone": "2.0.192.in-addr.arpa"}
        | {"more_reverse_zones": ["3.0.192.in-addr.arpa", "2.0.192.in-addr.arpa."]},
        "more_reverse_zones",
        "is there already",
    ),
    ({"token_password_file": "/root/pin"}, "token_password_file", "certificate authority too"),
    ({"http_cert_name": "web"}, "http_cert_name", "say which file"),
    ({"dirsrv_config_file": "changes.ldif"}, "dirsrv_config_file", "not a path"),
]


@pytest.fixture
def freeipa(master: Master) -> Master:
    """Of a release that has every option."""
    master.realm.backend, master.versions = "freeipa", {"FreeIPA": "4.12.2"}
    master.realm.save()
    master.save()
    return master


@pytest.mark.parametrize(("options", "field", "text"), IN_FREEIPA)
def test_the_form_and_the_model_refuse_what_the_installer_would(
    freeipa: Master, cast: Cast, options: dict[str, Any], field: str, text: str
) -> None:
    assert text in errors(ReplicaRequestForm(form_data(freeipa, options)), field)
    replica = Replica(hostname="b.example.com", master=freeipa, ssh_address="192.0.2.11", **options)
    replica.requested_by = cast.operator.user  # type: ignore[assignment]
    replica.host_key = freeipa.host_key
    with pytest.raises(ValidationError) as caught:
        replica.full_clean()
    assert text in " ".join(caught.value.message_dict[field])


GOOD: list[dict[str, Any]] = [
    {"setup_dns": True, "auto_forwarders": True},
    {"setup_dns": True, "auto_forwarders": True, "forwarders": ["192.0.2.53"], "forward_policy": "only"},
    DNS | {"auto_reverse": True, "more_reverse_zones": ["3.0.192.in-addr.arpa."], "allow_zone_overlap": True},
    {"setup_dns": True, "dns_over_tls": True, "dot_forwarders": ["2001:DB8::53#dns.example.com"]},
    TLS | {"dns_policy": "relaxed", "dns_over_tls_cert": "/root/dot.pem", "dns_over_tls_key": "/root/dot.key"},
    {"ntp_servers": ["time.example.com", "192.0.2.123"], "ntp_pool": "pool.example.com"},
    {"setup_adtrust": True, "add_agents": True, "enable_compat": True},
    {"add_sids": True, "netbios_name": "EXAMPLE", "rid_base": 1000, "secondary_rid_base": 100000000},
    {"setup_ca": True, "token_library_path": "/usr/lib64/pkcs11/lib.so", "token_password_file": "/root/pin"},
    {"no_host_dns": True, "no_ui_redirect": True, "no_dns_sshfp": True, "ssh_trust_dns": True},
    {"subid": True},
    {"dirsrv_config_file": "/root/changes.ldif", "skip_schema_check": True},
]


@pytest.mark.parametrize("options", GOOD)
def test_what_goes_together_reaches_the_database_and_the_job(
    freeipa: Master, cast: Cast, options: dict[str, Any]
) -> None:
    form = ReplicaRequestForm(form_data(freeipa, options))
    assert form.is_valid(), form.errors
    replica = form.instance
    replica.requested_by, replica.host_key = cast.operator.user, freeipa.host_key  # type: ignore[assignment]
    replica.save()
    chosen = Replica.objects.get(pk=replica.pk).options()
    for name, value in options.items():
        found = getattr(chosen, name)
        assert len(found) == len(value) if isinstance(value, list) else found == value
    assert chosen.dot_forwarders in ((), ("2001:db8::53#dns.example.com",))


@pytest.mark.parametrize("zone", ["2.0.192.IN-ADDR.ARPA.", "11.2.0.192.in-addr.arpa", "0.192.in-addr.arpa"])
def test_a_reverse_zone_in_any_case_and_for_one_address_alone(freeipa: Master, zone: str) -> None:
    form = ReplicaRequestForm(form_data(freeipa, {"ip_addresses": ADDRESS, "reverse_zone": zone}))
    assert form.is_valid(), form.errors
    assert form.instance.reverse_zone == zone.rstrip(".").lower()


@pytest.mark.parametrize("zone", ["1.2.0.192.in-addr.arpa", "111.2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa"])
def test_a_reverse_zone_of_another_address(freeipa: Master, zone: str) -> None:
    form = ReplicaRequestForm(form_data(freeipa, {"ip_addresses": ADDRESS, "reverse_zone": zone}))
    assert "does not hold the reverse name" in errors(form, "reverse_zone")


def test_the_masters_release_has_to_have_it(freeipa: Master) -> None:
    freeipa.versions = {"FreeIPA": "4.9.11"}
    freeipa.save()
    assert "release does not have" in errors(ReplicaRequestForm(form_data(freeipa, TLS)), "dns_over_tls")
    assert ReplicaRequestForm(form_data(freeipa, DNS)).is_valid()


def test_subordinate_ids_need_a_release_that_has_them(freeipa: Master) -> None:
    for version, accepted in (("4.9.8", False), ("4.9.10", True), ("4.13.1", True)):
        freeipa.versions = {"FreeIPA": version}
        freeipa.save()
        form = ReplicaRequestForm(form_data(freeipa, {"subid": True}))
        assert form.is_valid() == accepted
        assert accepted or "release does not have" in errors(form, "subid")


@pytest.mark.parametrize("column", ["auto_forwarders", "dns_over_tls"])
def test_the_database_knows_of_other_forwarders(
    cast: Cast, wanted: Callable[..., Replica], freeipa: Master, column: str
) -> None:
    replica = wanted(requested_by=cast.operator.user, host_key=freeipa.host_key, setup_dns=True, **{column: True})
    replica.save()
    for value in (None, False):
        with pytest.raises(IntegrityError), transaction.atomic():
            Replica.objects.filter(pk=replica.pk).update(**{column: value})
