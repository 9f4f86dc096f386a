"""What a realm says of itself, and what it keeps in its zones."""

from __future__ import annotations

from lab.environment import DOMAIN
from lab.freeipa import FreeIpaLab
from lab.host import Host

CONTAINER = """\
import sys
from ipapython.ipautil import template_str
print(template_str(open("/usr/share/ipa/dns.ldif").read(), {"SUFFIX": sys.argv[1], "FQDN": sys.argv[2]}))
"""
BEGUN = """\
dn: cn=DNS,cn={name},cn=masters,cn=ipa,cn=etc,dc=example,dc=com
objectClass: nsContainer
objectClass: ipaConfigObject
cn: DNS
ipaConfigString: startOrder 30
"""
SUFFIX, SOCKET = "dc=example,dc=com", "ldapi://%2Frun%2Fslapd-EXAMPLE-COM.socket"


def told(hosts: FreeIpaLab, *command: str) -> str:
    """By the realm itself."""
    hosts.master.run(["kinit", "admin"], input=f"{hosts.secrets.admin}\n".encode())
    return hosts.master.run(list(command)).stdout.decode()


def suppliers(hosts: FreeIpaLab, name: str) -> list[str]:
    found = told(hosts, "ldapsearch", "-Y", "GSSAPI", "-LLL", "-o", "ldif-wrap=no", "-b", "cn=mapping tree,cn=config",
                 "(objectClass=nsds5Replica)", "nsds50ruv")  # fmt: skip
    return [line for line in found.splitlines() if "{replica " in line and name in line]


def reverse_zone(address: str) -> str:
    """Of an IPv4 address's network of 256."""
    return ".".join([*reversed(address.split(".")[:3]), "in-addr.arpa."])


def add_zones(hosts: FreeIpaLab) -> None:
    """What a realm with name service has in its directory: its own zone and that of its hosts' addresses.

    Nobody serves them: the realm knows of a name server that was begun and is not enabled.
    """
    master = hosts.master
    ldif = master.run(["python3", "-c", CONTAINER, SUFFIX, master.name]).stdout
    master.run(["ldapadd", "-c", "-Y", "EXTERNAL", "-H", SOCKET], input=ldif)
    master.run(["ldapadd", "-Y", "EXTERNAL", "-H", SOCKET], input=BEGUN.format(name=master.name).encode())
    for zone in (f"{DOMAIN}.", reverse_zone(str(master.address))):
        told(hosts, "ipa", "dnszone-add", zone, f"--name-server={master.name}.", "--force", "--skip-overlap-check")


def records(hosts: FreeIpaLab, zone: str) -> str:
    return told(hosts, "ipa", "dnsrecord-find", zone, "--all")


def assert_nothing_leads_to(hosts: FreeIpaLab, host: Host) -> None:
    """By the directory, whatever name servers serve."""
    for one in (DOMAIN, reverse_zone(str(host.address))):
        kept = records(hosts, one)
        assert host.name not in kept
        assert str(host.address) not in kept
        assert f"Record name: {host.name.partition('.')[0]}\n" not in kept
