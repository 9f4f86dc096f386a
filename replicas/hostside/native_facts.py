"""Read what a server of a native realm says of itself, from its own configuration files.

Answers {"realm", "domain", "suffix", "name", "authority", "dns", "ca"}; what is not there is empty or false. Payload:
the paths authority, ca_key, tsig_key, kerberos (krb5.conf), kdc (kdc.conf), and instances (of Directory Servers).
"""

import json
import os
import sys
from typing import Any, Dict, List

from replicas.hostside import ldif, profile

CONFIG = "cn=config"
MAPPING = "cn=mapping tree,cn=config"


def facts(paths: Dict[str, str]) -> Dict[str, Any]:
    """Raises OSError for a file that cannot be read though it is there, ValueError for one that is malformed."""
    kerberos = configuration(paths["kerberos"])
    realm = profile.first(kerberos, "libdefaults", "default_realm")
    instance = f"{paths['instances']}/slapd-{realm.replace('.', '-')}/dse.ldif"
    entries = directory(instance) if realm else []
    config = ldif.find(entries, CONFIG)
    return {
        "realm": realm,
        "domain": domain(kerberos, realm, (config.value("nsslapd-localhost") if config else "") or os.uname().nodename),
        "suffix": suffix(entries, container(configuration(paths["kdc"]), realm)),
        "name": config.value("nsslapd-localhost") if config else "",
        "authority": text(paths["authority"]),
        "dns": os.path.exists(paths["tsig_key"]),
        "ca": os.path.exists(paths["ca_key"]),
    }


def configuration(path: str) -> profile.Section:
    """A file of MIT Kerberos, empty when it is not there. Raises OSError, and ValueError that names it."""
    if not os.path.exists(path):
        return {}
    try:
        return profile.load(path)
    except profile.Malformed as error:
        raise ValueError(str(error)) from error


def directory(path: str) -> List[ldif.Entry]:
    """The configuration of a Directory Server, empty when it is not there. Raises ValueError that names it."""
    try:
        with open(path, "rb") as stream:
            return ldif.parse(stream.read())
    except FileNotFoundError:
        return []
    except ldif.Malformed as error:
        raise ValueError(f"{path}: {error}") from error


def domain(kerberos: profile.Section, realm: str, server: str) -> str:
    """The DNS domain of this realm: its own default_domain, or else the nearest one mapped to it that the server is in.

    Other domains may be mapped to the realm as well, and hosts by their names, which have no dot in front.
    """
    own = profile.first(kerberos, "realms", realm, "default_domain").strip(".").lower()
    mapped = [name.lower() for name, value in profile.relations(kerberos, "domain_realm") if value == realm]
    around = [name.strip(".") for name in mapped if server.lower().endswith("." + name.strip("."))]
    others = [name.strip(".") for name in mapped if name.startswith(".")]
    return own or max(around, key=len, default="") or next(iter(others), "")


def container(kdc: profile.Section, realm: str) -> str:
    """Where the database of this realm is in the directory."""
    module = profile.first(kdc, "realms", realm, "database_module") or realm
    name = "ldap_kerberos_container_dn"
    return profile.first(kdc, "dbmodules", module, name) or profile.first(kdc, "dbdefaults", name)


def suffix(entries: List[ldif.Entry], kerberos: str) -> str:
    """The suffix that holds the realm's database, or else the one that the directory names as its default.

    One suffix may be within another one: what is in both is in the inner one.
    """
    config = ldif.find(entries, CONFIG)
    default = config.value("nsslapd-defaultnamingcontext") if config else ""
    suffixes = [
        name
        for entry in entries
        if ldif.parts(entry.dn)[1:] == ldif.parts(MAPPING) and entry.value("nsslapd-backend")
        for name in map(ldif.unquoted, entry.values("cn"))
        if "=" in name
    ]
    holding = [name for name in suffixes if kerberos and ldif.below(kerberos, name)]
    inner = max(holding, key=lambda name: len(ldif.parts(name)), default=default)
    return default if default and ldif.parts(default) == ldif.parts(inner) else inner


def text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def main(payload: Dict[str, str]) -> Dict[str, Any]:
    try:
        return facts(payload)
    except (OSError, ValueError) as error:
        return {
            "error": f"The configuration of {os.uname().nodename} cannot be read: {error}.",
            "remedy": "See that root can read the files of its Directory Server and Kerberos, and that they are valid.",
        }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
