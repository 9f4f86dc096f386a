"""Replicas installed on real hosts: what their daemons answer, not what the portal believes."""

from __future__ import annotations

import dataclasses
import io
import itertools
import tarfile
from collections.abc import Callable

import pytest

from lab import Host, Lab
from replicas.backends.registry import get
from replicas.lifecycle.job import Job
from tests.hosts.native.conftest import USERS, ask, job
from tests.hosts.native.driver import Driver

pytestmark = pytest.mark.hosts
Drive = Callable[[Lab, Job], Driver]
BACKEND = get("native")
NAMES = (
    "_ldap._tcp",
    "_kerberos._tcp",
    "_kerberos._udp",
    "_kerberos-master._tcp",
    "_kerberos-master._udp",
    "_ntp._udp",
    "_kpasswd._tcp",
    "_kpasswd._udp",
)


async def test_a_replica_from_nothing_to_proof_and_back_again(hosts: Lab, drive: Drive) -> None:
    wanted = job(hosts, "ipareplica", keep_bundle=True)
    driver, steps = drive(hosts, wanted), BACKEND.steps(wanted)
    await driver.run(steps)

    master, replica = hosts.master, hosts.host("ipareplica")
    serves_the_directory(replica)
    gives_tickets(hosts, replica)
    has_the_right_certificates(master, replica)
    is_in_sync(replica)
    is_found(master, [master], replica)
    opens_with_the_password(hosts, wanted)
    leaves_no_secrets(hosts, driver)
    assert len(driver.facts["proofs"]) >= 8  # type: ignore[arg-type]
    entries = [done for unit, done, _ in driver.moved if unit == "entries"]
    assert entries == sorted(entries)

    await driver.undo(steps)
    for command in (("repl-agmt", "list"), ("replication", "get-ruv")):
        assert replica.name not in ask(master, "dsconf", "EXAMPLE-COM", *command, "--suffix", "dc=example,dc=com")
    assert replica.name not in ask(master, "kadmin.local", "listprincs")
    assert replica.name not in ask(master, "dig", "@localhost", "example.com", "AXFR", "-k", "/etc/bind/ipa.key")
    assert ask(replica, "ls", "/etc/dirsrv").split() == ["config", "schema"]
    assert "ipa-ca" not in ask(replica, "ls", "/etc/ssl/certs", "/usr/local/share/ca-certificates")
    assert "No such file" in ask(replica, "cat", "/etc/ldap/ldap.conf")
    revoked = [line for line in master.read("/var/lib/ipa/ca/index.txt").splitlines() if replica.name in line]
    assert {line[0] for line in revoked} == {"R"}

    again = drive(hosts, wanted)
    await again.run(steps)
    serves_the_directory(replica)
    assert again.facts["replica_id"] != driver.facts["replica_id"]

    removal = f"server 127.0.0.1\nupdate delete _ldap._tcp.example.com. SRV 0 100 389 {replica.name}.\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=removal.encode())
    adding = drive(hosts, dataclasses.replace(wanted, action="records"))
    await adding.run(BACKEND.steps(adding.job))
    is_found(master, [master], replica)

    chosen = dataclasses.replace(wanted.options, setup_dns=True, no_forwarders=True)
    later = drive(hosts, dataclasses.replace(wanted, action="dns", options=chosen))
    await later.run(BACKEND.steps(later.job))
    is_found(master, [master, replica], replica)
    await later.undo(BACKEND.steps(later.job))
    serves_the_directory(replica)
    is_found(master, [master], replica)
    assert replica.name not in ask(master, "dig", "+short", "@localhost", "example.com", "NS")


async def test_a_replica_with_authority_and_name_server(hosts: Lab, drive: Drive) -> None:
    wanted = job(
        hosts,
        "ipareplica2",
        setup_ca=True,
        setup_dns=True,
        forwarders=("192.0.2.53",),
        forward_policy="only",
        no_dnssec_validation=True,
    )
    driver = drive(hosts, wanted)
    await driver.run(BACKEND.steps(wanted))

    master, replica = hosts.master, hosts.host("ipareplica2")
    serves_the_directory(replica)
    is_in_sync(replica)
    is_found(master, [master, replica], replica)
    for zone in ("example.com", f"{'.'.join(reversed(str(replica.address).split('.')[:3]))}.in-addr.arpa"):
        assert f"{replica.name}." in ask(master, "dig", "+short", f"@{replica.address}", zone, "NS").split()
    assert "forward only;" in replica.read("/etc/bind/named.conf.options")
    issues_certificates(replica, driver)
    own = ask(replica, "grep", "nameserver", "/etc/resolv.conf").split()[1]
    assert own == str(replica.address)
    assert ask(replica, "stat", "--format=%a", "/var/lib/ipa", "/var/lib/ipa/ca/crlnumber").split() == ["700", "600"]
    await driver.undo(BACKEND.steps(wanted))
    assert ask(replica, "grep", "nameserver", "/etc/resolv.conf").split() == ["nameserver", str(master.address)]


def serves_the_directory(replica: Host) -> None:
    base = "cn=users,cn=accounts,dc=example,dc=com"
    found = ask(
        replica,
        "ldapsearch",
        "-ZZ",
        "-x",
        "-LLL",
        "-H",
        f"ldap://{replica.name}",
        "-b",
        base,
        "(&(objectClass=posixAccount)(!(uid=replica-proof-*)))",  # whose removal may still be on its way
        "uid",
    )
    assert found.count("uid: ") == USERS + 1
    masters = ask(
        replica,
        "ldapsearch",
        "-ZZ",
        "-x",
        "-LLL",
        "-H",
        f"ldap://{replica.name}",
        "-b",
        f"cn={replica.name},cn=masters,cn=ipa,cn=etc,dc=example,dc=com",
        "description",
    )
    assert "configuredService" not in masters
    assert masters.count("enabledService") >= 5


def gives_tickets(lab: Lab, replica: Host) -> None:
    own = "[libdefaults]\ndefault_realm = EXAMPLE.COM\ndns_lookup_kdc = false\n[realms]\nEXAMPLE.COM = {\n"
    replica.write("/run/only.conf", f"{own} kdc = {replica.address}\n}}\n")
    only = ["env", "KRB5_CONFIG=/run/only.conf", "KRB5CCNAME=/run/only.cc"]
    ask(replica, *only, "kinit", "admin", input=f"{lab.secrets.admin}\n".encode())
    assert "krbtgt/EXAMPLE.COM@EXAMPLE.COM" in ask(replica, *only, "klist")
    # Its own keytab is valid: a service ticket for the host can be decrypted with it.
    assert "keytab entry valid" in ask(replica, *only, "kvno", "-k", "/etc/krb5.keytab", f"host/{replica.name}")
    bound = ask(replica, *only, "ldapwhoami", "-Q", "-Y", "GSSAPI", "-H", f"ldap://{replica.name}")
    assert bound == "dn: uid=admin,cn=users,cn=accounts,dc=example,dc=com\n"
    replica.run(["rm", "/run/only.conf", "/run/only.cc"])


def has_the_right_certificates(master: Host, replica: Host) -> None:
    for asker, port in itertools.product((master, replica), (443, 636)):
        shown = ask(
            asker,
            "openssl",
            "s_client",
            "-connect",
            f"{replica.address}:{port}",
            "-servername",
            replica.name,
            "-verify_hostname",
            replica.name,
            "-verify_return_error",
            input=b"",
        )
        assert "Verify return code: 0 (ok)" in shown


def is_in_sync(replica: Host) -> None:
    assert "No issues found" in ask(replica, "dsctl", "EXAMPLE-COM", "healthcheck")
    status = ask(replica, "dsconf", "EXAMPLE-COM", "replication", "status", "--suffix", "dc=example,dc=com")
    assert "In Synchronization" in status


def is_found(asker: Host, servers: list[Host], replica: Host) -> None:
    for server in servers:
        for name in NAMES:
            answer = ask(asker, "dig", "+short", f"@{server.address}", f"{name}.example.com", "SRV")
            assert f" {asker.name}." in answer
            assert f" {replica.name}." in answer


def opens_with_the_password(lab: Lab, wanted: Job) -> None:
    opened = lab.master.run(
        ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase-fd", "0", "-d", wanted.bundle_path],
        input=f"{lab.secrets.directory_manager}\n".encode(),
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(opened)) as archive:
        names = archive.getnames()
    assert {f"realm_info/{name}" for name in ("realm_info", "ca.crt", "dscert.p12", "dirsrv_pin.txt")} <= set(names)
    assert "realm_info/cacert.p12" not in names
    assert ask(lab.master, "stat", "--format=%a %U", wanted.bundle_path) == "600 root\n"


def leaves_no_secrets(lab: Lab, driver: Driver) -> None:
    for host in lab.hosts:
        assert "portal-" not in ask(host, "ls", "/run")
    said = "\n".join(driver.lines) + str(driver.facts)
    for secret in (*driver.passwords.values(), *driver.masked):
        assert str(secret) not in said


def issues_certificates(replica: Host, driver: Driver) -> None:
    ask(
        replica,
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "/run/test.key",
        "-out",
        "/run/test.csr",
        "-subj",
        "/O=EXAMPLE.COM/CN=other.example.com",
    )
    enter = ("env", "--chdir=/var/lib/ipa/ca", "flock", "lock", "openssl")
    ask(
        replica,
        *enter,
        "ca",
        "-config",
        "openssl.cnf",
        "-batch",
        "-notext",
        "-in",
        "/run/test.csr",
        "-out",
        "/run/test.crt",
    )
    assert "/run/test.crt: OK" in ask(replica, "openssl", "verify", "-CAfile", "/etc/ipa/ca.crt", "/run/test.crt")
    serial = ask(replica, "openssl", "x509", "-in", "/run/test.crt", "-noout", "-serial").strip().partition("=")[2]
    assert int(serial, 16) >> 28 == driver.facts["replica_id"]
    shown = ask(
        replica, "openssl", "crl", "-in", "/var/www/ipa/ipa/crl/MasterCRL.pem", "-CAfile", "/etc/ipa/ca.crt", "-noout"
    )
    assert "verify OK" in shown
