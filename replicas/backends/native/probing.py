"""Read what a master is and offers, over SSH alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicas.backends.native.names import CA_CERTIFICATE, CA_FOLDER, DIRECTORY_MANAGER, KDC_FOLDER, TSIG_KEY
from replicas.clients.certificates import canonical
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Capabilities

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

PACKAGES = ("389-ds-base", "krb5-kdc", "krb5-kdc-ldap", "bind9", "apache2", "chrony", "gnupg")
FILES = {
    "authority": CA_CERTIFICATE,
    "ca_key": f"{CA_FOLDER}/private/ca.key",
    "tsig_key": TSIG_KEY,
    "kerberos": "/etc/krb5.conf",
    "kdc": f"{KDC_FOLDER}/kdc.conf",
    "instances": "/etc/dirsrv",
}
"""The configuration files of a server, as hostside/native_facts.py wants them."""


async def probe(master: Host) -> Capabilities:
    """Raises StepError when the host is not a master of a native realm, or one of another name."""
    facts = await master.python("native_facts", FILES)
    realm, suffix, own = (str(facts[name]) for name in ("realm", "suffix", "name"))
    authority = canonical(str(facts["authority"]).encode())
    for thing, found in (("Kerberos realm", realm), ("directory of its realm", suffix), ("authority", authority)):
        if not found:
            raise StepError(
                f"{master.name} is not a master of a native realm: it has no {thing}.",
                "Register a host that is set up as docs/native-realm.md says.",
            )
    # A name without a dot says nothing.
    if "." in own and own.lower() != master.name:
        raise StepError(
            f"The server at that address calls itself {own}, not {master.name}.",
            "Check the address, and name the server by its own full name.",
        )
    return Capabilities(
        realm=realm,
        domain=str(facts["domain"]) or _domain(realm, master.name),
        suffix=suffix,
        dns=bool(facts["dns"]),
        ca=bool(facts["ca"]),
        ca_certificate=authority,
        versions=await _versions(master),
    )


def _domain(realm: str, hostname: str) -> str:
    """Return the domain of a realm whose configuration does not name it: a realm's name may be another one."""
    return realm.lower() if hostname.endswith(f".{realm.lower()}") else hostname.partition(".")[2]


async def prove(master: Host, ca_certificate: str, password: str) -> None:
    """Raises WrongPassword, DirectoryError."""
    async with Directory.bind(master.name, master.address, ca_certificate, DIRECTORY_MANAGER, password):
        return


async def _versions(master: Host) -> dict[str, str]:
    shown = await master.run("dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *PACKAGES, check=False)
    return dict(line.split(" ", 1) for line in shown.text.splitlines() if " " in line)
