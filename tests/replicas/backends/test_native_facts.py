"""What is read of a server, on a real one: Directory Server folds the lines of its configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Host, Lab
from replicas.backends.native.probing import probe
from replicas.clients import ssh
from replicas.errors import StepError
from tests.replicas.steps.kept import endpoint

pytestmark = pytest.mark.hosts
LONG = "dc=identity,dc=department-of-long-names,dc=a-company-with-a-longer-name-than-most,dc=example,dc=net"
BACKEND = "dn: cn=long,cn=ldbm database,cn=plugins,cn=config"
TREE = f'dn: cn="{LONG}",cn=mapping tree,cn=config'
DEFAULT = "dn: cn=config\nchangetype: modify\nreplace: nsslapd-defaultnamingcontext\nnsslapd-defaultnamingcontext: {}\n"
KERBEROS, KDC = "/etc/krb5.conf", "/etc/krb5kdc/kdc.conf"


@pytest.fixture(scope="module")
def server(lab: Lab) -> Iterator[Host]:
    """The master with a second suffix, which is the default one."""
    host = lab.master
    kind = "changetype: add\nobjectClass: extensibleObject\nobjectClass: "
    modify(host, f"{BACKEND}\n{kind}nsBackendInstance\ncn: long\nnsslapd-suffix: {LONG}\n")
    modify(host, f"{TREE}\n{kind}nsMappingTree\ncn: {LONG}\nnsslapd-state: backend\nnsslapd-backend: long\n")
    modify(host, DEFAULT.format(LONG))
    yield host
    lab.reset(host)


def modify(host: Host, text: str) -> None:
    url = "ldapi://%2Frun%2Fslapd-EXAMPLE-COM.socket"
    host.run(["ldapmodify", "-Q", "-Y", "EXTERNAL", "-H", url], input=text.encode())


async def test_the_suffix_of_the_realm_among_several(lab: Lab, server: Host) -> None:
    stored = server.read("/etc/dirsrv/slapd-EXAMPLE-COM/dse.ldif")
    assert "\n " in stored  # it is folded
    assert LONG not in stored
    async with await ssh.connect(endpoint(server), lab.ssh_key) as master:
        found = await probe(master)
        assert (found.realm, found.domain, found.suffix) == ("EXAMPLE.COM", "example.com", "dc=example,dc=com")
        assert found.dns
        assert found.ca
        assert "BEGIN CERTIFICATE" in found.ca_certificate
        server.write(KDC, server.read(KDC).replace("cn=kerberos,dc=example,dc=com", f"cn=kerberos,{LONG}"))
        assert (await probe(master)).suffix == LONG


async def test_the_section_of_the_realm_in_files_with_more(lab: Lab, server: Host) -> None:
    own = server.read(KERBEROS)
    server.write("/etc/krb5.conf.d/other.conf", "[realms]\n OTHER.NET = {\n  default_domain = other.net\n }\n")
    server.write(KERBEROS, f"# default_realm = COMMENT\r\nincludedir /etc/krb5.conf.d\r\n{own}".replace("\n", "\r\n"))
    async with await ssh.connect(endpoint(server), lab.ssh_key) as master:
        found = await probe(master)
        assert (found.realm, found.domain) == ("EXAMPLE.COM", "example.com")
        server.write(KERBEROS, "[libdefaults]\n default_realm = EXAMPLE.COM\n[broken\n")
        with pytest.raises(StepError, match=r"/etc/krb5\.conf, line 3: neither a section nor a relation"):
            await probe(master)
