"""Read what a master is and offers, over SSH alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from replicas.backends.native.names import CA_CERTIFICATE, CA_FOLDER, DIRECTORY_MANAGER, TSIG_KEY
from replicas.clients.certificates import canonical
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Capabilities

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

PACKAGES = ("389-ds-base", "krb5-kdc", "krb5-kdc-ldap", "bind9", "apache2", "chrony", "gnupg")
REALM = re.compile(r"^\s*default_realm\s*=\s*(\S+)", re.MULTILINE)
DOMAIN = re.compile(r"^\s*default_domain\s*=\s*(\S+)", re.MULTILINE)
OWN_NAME = re.compile(r"^nsslapd-localhost:\s*(\S+\.\S+)$", re.MULTILINE)
"""Its full name, by which the realm knows it; one without a dot says nothing."""
SUFFIX = re.compile(r"^nsslapd-defaultnamingcontext:\s*(.+)$", re.MULTILINE)


async def probe(master: Host) -> Capabilities:
    """Raises StepError when the host is not a master of a native realm, or one of another name."""
    kerberos = await _text(master, "/etc/krb5.conf")
    realm, domain = (found.group(1) if found else "" for found in (REALM.search(kerberos), DOMAIN.search(kerberos)))
    configuration = await _text(master, f"/etc/dirsrv/slapd-{realm.replace('.', '-')}/dse.ldif")
    suffix = SUFFIX.search(configuration)
    authority = canonical((await _text(master, CA_CERTIFICATE)).encode())
    for thing, found in (("Kerberos realm", realm), ("directory of its realm", suffix), ("authority", authority)):
        if not found:
            raise StepError(
                f"{master.name} is not a master of a native realm: it has no {thing}.",
                "Register a host that is set up as docs/native-realm.md says.",
            )
    own = OWN_NAME.search(configuration)
    if own and own.group(1).lower() != master.name:
        raise StepError(
            f"The server at that address calls itself {own.group(1)}, not {master.name}.",
            "Check the address, and name the server by its own full name.",
        )
    return Capabilities(
        realm=realm,
        domain=domain or realm.lower(),
        suffix=suffix.group(1).strip() if suffix else "",
        dns=await master.exists(TSIG_KEY),
        ca=await master.exists(f"{CA_FOLDER}/private/ca.key"),
        ca_certificate=authority,
        versions=await _versions(master),
    )


async def prove(master: Host, ca_certificate: str, password: str) -> None:
    """Raises WrongPassword, DirectoryError."""
    async with Directory.bind(master.name, master.address, ca_certificate, DIRECTORY_MANAGER, password):
        return


async def _text(master: Host, path: str) -> str:
    """A file's content, and nothing for one that is not there."""
    return (await master.run("cat", "--", path, check=False)).text


async def _versions(master: Host) -> dict[str, str]:
    shown = await master.run("dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *PACKAGES, check=False)
    return dict(line.split(" ", 1) for line in shown.text.splitlines() if " " in line)
