"""The parts of the native backend that need no host."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from replicas.backends.native import bundle, records
from replicas.backends.native.access import render
from replicas.backends.native.names import ENABLED, Names
from replicas.backends.native.probing import probe
from replicas.backends.native.steps.authority import first_serial
from replicas.backends.native.steps.directory import hashed
from replicas.backends.native.steps.nameserver import options, resolver
from replicas.backends.native.steps.prove import sentence
from replicas.backends.native.steps.removable import refuse_cut, refuse_last
from replicas.backends.native.topology import Server
from replicas.backends.registry import get
from replicas.clients import dns
from replicas.clients.host import Result
from replicas.errors import DnsError, StepError
from replicas.hostside import archive, ldif, native_directory, native_disown
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Endpoint, Job, Options, RealmFacts
from replicas.lifecycle.plan import freeze
from replicas.lifecycle.steps import packing
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.zones import stuck
from tests.replicas.uploads import issuing, judges, table

ORGANIZATION, COMMON = NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME


def job(**chosen: object) -> Job:
    realm = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "native", True, "PEM")
    master, replica = (Endpoint(f"{name}.example.com", "192.0.2.1", "ssh-ed25519 AAAA") for name in ("one", "two"))
    return Job("install", realm, master, replica, Options(**chosen))  # type: ignore[arg-type]


DSE = """\
dn: cn=config
nsslapd-port: 389
nsslapd-Security: off
nsslapd-rootpw: {SSHA512}long
 er

dn: cn=other,cn=config
nsslapd-security: off
"""


def test_the_configuration_gets_attributes_and_entries_once() -> None:
    entries = "dn: cn=new,cn=config\ncn: new\n\ndn: cn=Other, cn=config\ncn: replaced\n"
    once = native_directory.configure(DSE.encode(), {"nsslapd-security": "on"}, entries)
    assert once.count(b"nsslapd-security: on\n") == 1
    assert b"nsslapd-Security" not in once
    assert b"nsslapd-rootpw: {SSHA512}longer\n" in once
    assert once.endswith(b"nsslapd-security: off\n\ndn: cn=new,cn=config\ncn: new\n")
    assert native_directory.configure(once, {"nsslapd-security": "on"}, entries) == once


def test_a_configuration_in_another_form_is_the_same() -> None:
    """Base64, comments, other line ends, names with spaces."""
    text = DSE.replace("dn: cn=config", "# first\n entry\ndn:: Y249Q29uZmln").replace("\n", "\r\n")
    assert (
        native_directory.configure(text.encode(), {"nsslapd-security": "on"}, "").count(b"nsslapd-security: on\n") == 1
    )
    with pytest.raises(ldif.Malformed, match="no cn=config"):
        native_directory.configure(b"dn: cn=other\ncn: other\n", {}, "")


def test_the_directory_trusts_every_certificate_of_the_authority(tmp_path: Path) -> None:
    """An expired one comes first, as a renewal with the same key leaves it."""
    judges.need_nss()
    past, case = table.root(**table.PAST), table.by_root(table.rsa_key(0))
    database = judges.Database(tmp_path, case.key_pem(), case.leaf, [])
    folder = str(database.folder)
    (tmp_path / "nss" / "pwdfile.txt").write_text(judges.PIN)
    (tmp_path / "ca.crt").write_bytes(b"# both\n" + issuing.pem(past, *case.roots))
    for _attempt in range(2):
        native_directory.certificate(folder, str(tmp_path / "p12"), str(tmp_path / "pin"), str(tmp_path / "ca.crt"))
    shown = subprocess.run(["certutil", "-L", "-d", folder], check=True, capture_output=True, text=True).stdout
    assert shown.count("CT,, ") == 2
    assert database.verify("Server-Cert", "V") == ""


def test_a_bundle_opens_with_the_reader_that_hosts_use() -> None:
    members = {"realm_info": packing.describe(job()), "ca.crt": b"x" * 1000, "http_pin.txt": b""}
    packed = packing.pack(members)
    assert packing.unpack(packed) == members
    assert dict(archive.members(io.BytesIO(packed), archive.Limits())) == members
    described = archive.describe(members["realm_info"])
    assert described["destination_host"] == "two.example.com"
    assert described["subject_base"] == "O=EXAMPLE.COM"


def test_only_an_authority_takes_more_certificates() -> None:
    assert [order.package for order in bundle.orders(job())] == ["dscert.p12", "httpcert.p12"]
    more = bundle.orders(job(setup_ca=True))
    assert [order.package for order in more[2:]] == ["dogtagcert.p12", "ra.p12"]
    assert {order.common_name for order in more} == set(bundle.common_names(job()))


def test_common_names_fit_and_differ() -> None:
    hosts = [f"{first}{'a' * (length - 13)}.example.com" for length in range(14, 65) for first in "ab"]
    agents = [bundle.agent_name(host) for host in hosts]
    assert max(map(len, agents)) == 64
    assert len({*agents, *hosts}) == 2 * len(hosts)
    assert bundle.agent_name("two.example.com") == "IPA RA two.example.com"


def test_the_organization_is_that_of_the_authority() -> None:
    """Its policy issues for no other one."""
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in ((ORGANIZATION, "A/S + B\\C Ä"), (COMMON, "CA"))])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, issuing.key(0).public_key(), 1, now, now + timedelta(days=1))
    pem = issuing.pem(builder.sign(issuing.key(0), hashes.SHA256())).decode()
    wanted = replace(job(), realm=replace(job().realm, ca_certificate=pem))
    (order, *_) = bundle.orders(wanted)
    argv = ["openssl", "req", "-new", "-utf8", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj"]
    made = subprocess.run([*argv, order.subject], check=True, capture_output=True)
    asked = x509.load_pem_x509_csr(made.stdout).subject
    assert [(one.oid, one.value) for one in asked] == [(ORGANIZATION, "A/S + B\\C Ä"), (COMMON, "two.example.com")]
    assert bundle.orders(job())[0].subject == "/O=EXAMPLE.COM/CN=two.example.com"


def test_records_of_a_host_with_two_addresses() -> None:
    found = [str(one) for one in host_records(job(ip_addresses=("192.0.2.2", "2001:db8::2")))]
    assert found[:2] == ["two.example.com. 3600 IN A 192.0.2.2", "2.2.0.192.in-addr.arpa. 3600 IN PTR two.example.com."]
    assert found[2] == "two.example.com. 3600 IN AAAA 2001:db8::2"
    assert len(host_records(job(ip_addresses=("192.0.2.2",), no_reverse=True))) == 1
    assert len(records.service_records(job())) == 8


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({"forwarders": ("192.0.2.53", "2001:db8::53"), "forward_policy": "only"}, "forward only;"),
        ({"forwarders": ("192.0.2.53",)}, "forwarders { 192.0.2.53; };"),
        ({"no_forwarders": True}, "forwarders { };"),
        ({"no_dnssec_validation": True}, "dnssec-validation no;"),
        ({}, "dnssec-validation auto;"),
    ],
)
def test_the_name_server_is_configured_as_chosen(chosen: dict[str, object], line: str) -> None:
    assert line in options(job(**chosen))


def test_names_follow_from_the_job() -> None:
    names = Names(job(setup_ca=True))
    assert names.to_replica == (
        "cn=meTotwo.example.com,cn=replica,cn=dc\\3Dexample\\2Cdc\\3Dcom,cn=mapping tree,cn=config"
    )
    assert names.services == ("LDAP", "KDC", "KPASSWD", "HTTP", "NTP", "CA")
    assert first_serial(2) == 0x20000000


def test_a_hashed_password_is_the_one_that_was_given() -> None:
    stored = base64.b64decode(hashed("secret").removeprefix("{SSHA512}"))
    assert stored[:64] == hashlib.sha512(b"secret" + stored[64:]).digest()


def test_the_replica_asks_itself_first() -> None:
    text = render("krb5.conf", realm="EXAMPLE.COM", domain="example.com", host="two", master="one")
    assert text.index("kdc = two:88") < text.index("kdc = one:88")


def test_the_replica_asks_its_own_name_server_first() -> None:
    before = "search example.com\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions edns0\n"
    once = "search example.com\nnameserver 192.0.2.2\nnameserver 192.0.2.1\noptions edns0\n"
    assert resolver(before, "192.0.2.2") == once
    assert resolver(once, "192.0.2.2") == once
    assert resolver("", "192.0.2.2") == "nameserver 192.0.2.2\n"
    misspelled = "nameservers 192.0.2.2\n nameserver 192.0.2.3\n"
    assert resolver(misspelled, "192.0.2.2") == f"{misspelled}nameserver 192.0.2.2\n"
    text = (
        "# nameserver 192.0.2.9\n; nameserver ::1\nsearch nameserver\r\nnameserver\t2001:DB8::0:2\r\nnameserver ::1\n"
    )
    assert resolver(text, "2001:db8::2") == (
        "# nameserver 192.0.2.9\n; nameserver ::1\nsearch nameserver\nnameserver 2001:db8::2\nnameserver ::1\n"
    )


def test_proofs_say_what_was_proved() -> None:
    https = {"kind": "https", "port": 443, "protocol": "tcp", "ok": True, "detail": "status 200, TLSv1.3"}
    assert "verified against the authority of EXAMPLE.COM for the name two.example.com" in sentence(job(), https)
    kdc = {"kind": "kdc", "port": 88, "protocol": "udp", "ok": True, "detail": "KRB-ERROR 6"}
    assert sentence(job(), kdc) == "The KDC of two.example.com answers over UDP (unknown client, as expected)."
    kpasswd = {**kdc, "kind": "kpasswd", "port": 464, "detail": "KRB-ERROR 60"}
    assert sentence(job(), kpasswd).endswith("answers over UDP (refuses an empty request, as expected).")


def test_stages_follow_one_another() -> None:
    steps = get("native").steps(job(setup_ca=True, setup_dns=True, ip_addresses=("192.0.2.2",)))
    blocks = [stage for stage, _ in itertools.groupby(step.stage for step in steps)]
    assert blocks == ["prepare", "transfer", "check", "install", "initialize", "install", "verify"]


def test_a_removal_without_the_lost_master_says_what_stays() -> None:
    def frozen(**chosen: object) -> list[dict[str, Any]]:
        made = job(setup_ca=True, **chosen)
        return freeze(get("native"), replace(made, action="undo"))[0]

    usual, without = frozen(), frozen(instead_of="lost.example.com")
    words = [sentence for step in without for sentence in step["lasting"]]
    assert not any("lost.example.com" in sentence for step in usual for sentence in step["lasting"])
    assert any(one.startswith("lost.example.com is left out") for one in words)
    assert any("none is if one.example.com has no authority" in one for one in words)
    assert any("zones that only lost.example.com can change" in one for one in words)
    bundle_file = {"kind": "file", "what": job().bundle_path, "where": "one.example.com"}
    assert any(bundle_file in step["touches"] for step in usual)
    assert not any(bundle_file in step["touches"] for step in without)


INDEX = [
    "V	270101000000Z		1003	unknown	/O=EXAMPLE.COM/CN=two.example.com",
    "R	270101000000Z	260101000000Z	1004	unknown	/O=EXAMPLE.COM/CN=two.example.com",
    "V	270101000000Z		1005	unknown	/O=EXAMPLE.COM/CN=three.example.com",
]


def test_what_another_authority_issued_is_revoked_in_the_index() -> None:
    known = [{"serial": serial, "subject": "/O=EXAMPLE.COM/CN=two.example.com"} for serial in ("1003", "1004", "20A")]
    lines = [line.split("	") for line in native_disown.marked(INDEX, known)]
    assert [(line[0], line[3]) for line in lines] == [("R", "1003"), ("R", "1004"), ("V", "1005"), ("R", "020A")]
    assert lines[0][2].endswith("Z,cessationOfOperation")
    assert lines[1][2] == "260101000000Z"
    assert lines[3][5] == "/O=EXAMPLE.COM/CN=two.example.com"


class Master:
    """A host that says this of itself."""

    name = "one.example.com"

    def __init__(self, **facts: object) -> None:
        self.facts = {
            "realm": "EXAMPLE.COM",
            "domain": "",
            "suffix": "dc=example,dc=com",
            "name": "",
            "authority": issuing.pem(issuing.ROOT).decode(),
            "dns": False,
            "ca": False,
            **facts,
        }

    async def python(self, program: str, payload: object) -> dict[str, object]:
        assert program == "native_facts"
        return self.facts

    async def run(self, *argv: str, check: bool = True) -> Result:
        return Result(0, b"", b"")


@pytest.mark.parametrize(
    ("own", "refused"),
    [
        ("", False),
        ("localhost", False),
        ("One.example.com", False),
        ("two.example.com", True),
    ],
)
async def test_a_master_of_another_name_is_refused(own: str, refused: bool) -> None:
    master: Any = Master(name=own)
    if refused:
        with pytest.raises(StepError, match=r"calls itself two.example.com, not one.example.com"):
            await probe(master)
    else:
        assert (await probe(master)).realm == "EXAMPLE.COM"


def test_a_lost_master_is_nobody_who_serves_or_connects() -> None:
    enabled = {"CA": ENABLED}
    known = {name: Server(name, enabled) for name in ("lost", "host")} | {"other": Server("other", {})}
    refuse_last(known, "host")
    with pytest.raises(StepError, match="last certificate authority"):
        refuse_last(known, "host", "lost")
    refuse_cut({"other": {"lost"}}, "other", "host", "lost")
    with pytest.raises(StepError, match="Without host and lost, third would be cut off from other") as raised:
        refuse_cut({"other": {"lost"}, "third": {"lost"}}, "other", "host", "lost")
    assert raised.value.remedy == "Connect third with other first."


@pytest.mark.parametrize(
    ("lost", "primary", "expected"),
    [
        ("", "lost.example.com.", False),
        ("lost.example.com", "lost.example.com.", True),
        ("lost.example.com", "one.example.com.", False),
        ("lost.example.com", None, True),
        ("lost.example.com", "", True),
    ],
)
async def test_a_zone_is_stuck_whose_primary_is_lost_or_that_cannot_be_asked_for(
    lost: str, primary: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lookup(server: str, name: str, kind: str) -> list[Record]:
        if primary is None:
            raise DnsError(f"{server} does not answer.")
        return [Record(name, "SOA", f"{primary} admin. 1 2 3 4 5")] if primary and name == "example.com." else []

    async def zone_of(server: str, name: str) -> str | None:
        return "example.com." if primary else None

    monkeypatch.setattr(dns, "lookup", lookup)
    monkeypatch.setattr(dns, "zone_of", zone_of)
    ctx: Any = SimpleNamespace(job=job(instead_of=lost))
    assert await stuck(ctx, "example.com.") is expected
    assert await stuck(ctx, "lab.example.com") is expected, "a domain in the zone"
