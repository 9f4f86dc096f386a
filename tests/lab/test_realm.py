"""What the daemons of a master answer, seen from another host."""

import time

import pytest

from lab import Host, Lab
from lab.realm import dns

pytestmark = pytest.mark.hosts

SUFFIX = "dc=example,dc=com"
MASTERS = f"cn=ipaserver.example.com,cn=masters,cn=ipa,cn=etc,{SUFFIX}"
# A host that is not of the realm yet is told about it for one command.
CLIENT = ("env", "KRB5_CONFIG=/root/krb5.conf", "KRB5CCNAME=/root/ccache", "LDAPTLS_CACERT=/root/ca.crt")


@pytest.fixture
def client(master: Host, blank: Host) -> Host:
    """A host that knows the realm and its authority."""
    blank.write("/root/krb5.conf", master.read("/etc/krb5.conf"))
    blank.write("/root/ca.crt", master.read("/etc/ipa/ca.crt"))
    return blank


def answer(host: Host, *argv: str, input: bytes | None = None) -> str:
    return host.run(argv, input=input).stdout.decode().strip()


def search(host: Host, base: str, *words: str, scope: str = "base") -> list[str]:
    query = ("ldapsearch", "-ZZ", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", "ldap://ipaserver.example.com")
    return answer(host, *CLIENT, *query, "-b", base, "-s", scope, *words).splitlines()


def configuration(master: Host, base: str, *words: str) -> list[str]:
    """Search cn=config as the Directory Manager, whom root is on the host itself."""
    query = ("ldapsearch", "-Q", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL")
    socket = ("-H", "ldapi://%2frun%2fslapd-EXAMPLE-COM.socket")
    return answer(master, *query, *socket, "-b", base, "-s", "base", *words).splitlines()


def test_every_service_runs(master: Host) -> None:
    failed = answer(master, "systemctl", "list-units", "--failed", "--plain", "--no-legend")
    assert failed == ""
    for service in ("dirsrv@EXAMPLE-COM", "krb5-kdc", "krb5-admin-server", "apache2", "named", "chrony"):
        assert answer(master, "systemctl", "is-active", service) == "active"
        assert answer(master, "systemctl", "is-enabled", service) == "enabled"


def test_administrator_gets_a_ticket(lab: Lab, master: Host, client: Host) -> None:
    password = f"{lab.secrets.admin}\n".encode()
    for host in (master, client):
        host.run([*CLIENT[:1], *(CLIENT[1:] if host is client else ()), "kinit", "admin"], input=password)
    assert "krbtgt/EXAMPLE.COM@EXAMPLE.COM" in answer(client, *CLIENT, "klist")
    assert "kvno = 2" in answer(client, *CLIENT, "kvno", "host/ipaserver.example.com")


def test_wrong_password_gets_none(client: Host) -> None:
    assert client.run([*CLIENT, "kinit", "admin"], input=b"not the password\n", check=False).returncode != 0


def test_administrator_manages_principals_from_elsewhere(lab: Lab, client: Host) -> None:
    password = f"{lab.secrets.admin}\n".encode()
    names = answer(client, *CLIENT, "kadmin", "-p", "admin", "-q", "listprincs", input=password)
    assert "kadmin/changepw@EXAMPLE.COM" in names


def test_password_can_be_changed(lab: Lab, master: Host, client: Host) -> None:
    master.run(["kadmin.local"], input=b'addprinc -pw "first password" carol\n')
    changed = client.run([*CLIENT, "kpasswd", "carol"], input=b"first password\nsecond password\nsecond password\n")
    assert b"Password changed" in changed.stdout
    client.run([*CLIENT, "kinit", "carol"], input=b"second password\n")
    master.run(["kadmin.local"], input=b"delprinc -force carol\n")


def test_directory_serves_tls_with_the_realms_authority(client: Host) -> None:
    assert "dc: example" in search(client, SUFFIX)
    secure = ("openssl", "s_client", "-connect", "ipaserver.example.com:636", "-CAfile", "/root/ca.crt")
    assert "Verification: OK" in answer(client, *secure, "-verify_hostname", "ipaserver.example.com", input=b"")


def test_directory_has_the_users(client: Host) -> None:
    found = search(client, f"cn=users,cn=accounts,{SUFFIX}", "(uidNumber>=100000)", "mail", scope="one")
    assert len([line for line in found if line.startswith("mail:")]) == 25


def test_passwords_are_hidden(client: Host) -> None:
    found = search(client, f"uid=admin,cn=users,cn=accounts,{SUFFIX}", "userPassword", "krbPrincipalKey", "cn")
    assert {line.partition(":")[0] for line in found if line} == {"dn", "cn"}


def test_directory_manager_binds(lab: Lab, client: Host) -> None:
    client.write("/root/password", lab.secrets.directory_manager, mode=0o600)
    bind = ("ldapwhoami", "-ZZ", "-x", "-D", "cn=Directory Manager", "-y", "/root/password")
    assert "cn=directory manager" in answer(client, *CLIENT, *bind, "-H", "ldap://ipaserver.example.com")


def test_master_is_the_first_supplier(master: Host) -> None:
    mapping = f'cn=replica,cn="{SUFFIX}",cn=mapping tree,cn=config'
    replica = {line.lower() for line in configuration(master, mapping)}
    assert replica >= {
        "nsds5replicaid: 1",
        "nsds5replicatype: 3",
        "nsds5flags: 1",
        "nsds5replicabinddn: cn=replication manager,cn=config",
    }
    vector = ("-b", SUFFIX, "(&(nsUniqueId=ffffffff-ffffffff-ffffffff-ffffffff)(objectClass=nsTombstone))", "nsds50ruv")
    socket = ("-Y", "EXTERNAL", "-Q", "-LLL", "-H", "ldapi://%2frun%2fslapd-EXAMPLE-COM.socket")
    assert "{replica 1 ldap://ipaserver.example.com:389}" in answer(master, "ldapsearch", *socket, *vector)


def test_next_replica_is_number_two(client: Host) -> None:
    assert "nsDS5ReplicaId: 2" in search(client, f"cn=replication,cn=etc,{SUFFIX}")


@pytest.mark.parametrize("service", ["LDAP", "KDC", "KPASSWD", "HTTP", "NTP", "CA", "DNS"])
def test_services_are_listed_as_enabled(client: Host, service: str) -> None:
    assert "description: enabledService" in search(client, f"cn={service},{MASTERS}")


@pytest.mark.parametrize(("name", "port"), dns.SERVICES)
def test_services_are_found_in_dns(blank: Host, name: str, port: int) -> None:
    found = answer(blank, "dig", "+short", f"{name}.example.com", "SRV")
    assert found == f"0 100 {port} ipaserver.example.com."


def test_addresses_are_found_both_ways(blank: Host, master: Host) -> None:
    assert answer(blank, "dig", "+short", "ipaserver.example.com", "A") == str(master.address)
    assert answer(blank, "dig", "+short", "ipaserver.example.com", "AAAA") == str(master.address6)
    for address in (master.address, master.address6):
        assert answer(blank, "dig", "+short", "-x", str(address)) == "ipaserver.example.com."


def test_dns_names_its_server_and_realm(blank: Host) -> None:
    assert answer(blank, "dig", "+short", "example.com", "NS") == "ipaserver.example.com."
    assert answer(blank, "dig", "+short", "_kerberos.example.com", "TXT") == '"EXAMPLE.COM"'


def test_dns_takes_updates_and_hands_out_zones_with_the_key_only(master: Host, blank: Host) -> None:
    blank.write("/root/ipa.key", master.read("/etc/bind/ipa.key"), mode=0o600)
    update = "server ipaserver.example.com\nupdate {} test.example.com. 60 A 192.0.2.1\nsend\n"
    assert blank.run(["nsupdate"], input=update.format("add").encode(), check=False).returncode != 0
    blank.run(["nsupdate", "-k", "/root/ipa.key"], input=update.format("add").encode())
    assert answer(blank, "dig", "+short", "test.example.com") == "192.0.2.1"
    transfer = ("dig", "@ipaserver.example.com", "example.com", "AXFR")
    assert "Transfer failed" in answer(blank, *transfer)
    assert "test.example.com" in answer(blank, *transfer, "-k", "/root/ipa.key")
    blank.run(["nsupdate", "-k", "/root/ipa.key"], input=update.format("delete").encode())


def test_web_server_has_a_certificate_of_the_realm(client: Host) -> None:
    secure = ("openssl", "s_client", "-connect", "ipaserver.example.com:443", "-CAfile", "/root/ca.crt")
    assert "Verification: OK" in answer(client, *secure, "-verify_hostname", "ipaserver.example.com", input=b"")


def test_web_server_offers_authority_and_revocation_list(master: Host, blank: Host) -> None:
    fetch = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())"
    site = "http://ipaserver.example.com/ipa"
    fetched = answer(blank, "python3", "-c", fetch, f"{site}/config/ca.crt")
    assert fetched == master.read("/etc/ipa/ca.crt").strip()
    revoked = answer(blank, "python3", "-c", fetch, f"{site}/crl/MasterCRL.pem")
    subject = answer(blank, "openssl", "crl", "-noout", "-issuer", input=revoked.encode())
    assert subject == "issuer=O = EXAMPLE.COM, CN = Certificate Authority"


def test_authority_uses_the_serial_numbers_of_the_first_server(master: Host) -> None:
    serial = int(master.read("/var/lib/ipa/ca/serial"), 16)
    assert 2**28 < serial < 2 * 2**28
    for secret in ("/var/lib/ipa/ca/private/ca.key", "/var/lib/ipa/private/httpd.key", "/etc/krb5kdc/service.keyfile"):
        assert answer(master, "stat", "--format=%a %U", secret) == "600 root"


def test_clock_answers(blank: Host) -> None:
    query = ("chronyd", "-Q", "-x", "-t", "5", "server ipaserver.example.com iburst maxsamples 1")
    assert "System clock wrong by" in blank.run(query).stderr.decode()


def test_realm_survives_a_restart(lab: Lab, master: Host) -> None:
    master.stop()
    master.boot()
    master.wait()
    started = time.monotonic()
    master.run(["kinit", "admin"], input=f"{lab.secrets.admin}\n".encode())
    assert time.monotonic() - started < 5
    test_every_service_runs(master)


def test_master_needs_no_options(lab: Lab, master: Host) -> None:
    assert "dc: example" in answer(master, "ldapsearch", "-ZZ", "-x", "-LLL", "-s", "base")
    secure = ("openssl", "s_client", "-verify_return_error", "-connect", "ipaserver.example.com:636")
    assert "Verification: OK" in answer(master, *secure, input=b"")
    master.run(["kinit", "admin"], input=f"{lab.secrets.admin}\n".encode())
    assert answer(master, "ldapwhoami", "-Q", "-Y", "GSSAPI") == f"dn: uid=admin,cn=users,cn=accounts,{SUFFIX}"


def test_master_is_healthy(master: Host) -> None:
    assert "No issues found" in answer(master, "dsctl", "EXAMPLE-COM", "healthcheck")


def test_authority_is_private(master: Host) -> None:
    paths = ("/var/lib/ipa", "/var/lib/ipa/ca", "/var/lib/ipa/ca/crlnumber", "/var/lib/ipa/ca/serial")
    assert answer(master, "stat", "--format=%a", *paths).split() == ["700", "700", "600", "600"]
