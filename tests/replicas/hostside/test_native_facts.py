"""The suffix of a realm among those of a directory (nested, quoted, in other spellings), and its domain."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from replicas.backends.native import probing
from replicas.hostside import ldif, native_facts

KERBEROS = "cn=kerberos,dc=example,dc=com"


def entries(suffixes: Sequence[str], default: str = "") -> list[ldif.Entry]:
    text = f"\ufeffdn: cn=config\nnsslapd-defaultnamingcontext: {default}\n"
    for value in suffixes:
        quoted = value if value.startswith('"') else f'"{value}"'
        text += f"\ndn: cn={quoted},cn=mapping tree,cn=config\ncn: {value}\nnsslapd-backend: one\n"
    return ldif.parse(text.encode())


@pytest.mark.parametrize(
    ("suffixes", "default", "found"),
    [
        (["dc=com", "dc=example,dc=com"], "dc=com", "dc=example,dc=com"),
        (["dc  =  com", "dc=example,dc=com"], "", "dc=example,dc=com"),
        (["dc=example , dc=com", "dc=x,dc=example,dc=com"], "o=other", "dc=example , dc=com"),
        (["DC=Example,DC=COM", "o=other"], "dc=example,dc=com", "dc=example,dc=com"),
        (['"dc=example,dc=com"'], "", "dc=example,dc=com"),
        (["o=other"], "o=other", "o=other"),
        ([], "", ""),
    ],
)
def test_the_innermost_suffix_that_holds_the_database(suffixes: list[str], default: str, found: str) -> None:
    assert native_facts.suffix(entries(suffixes, default), KERBEROS) == found


@pytest.mark.parametrize(
    ("realm", "hostname", "domain"),
    [
        ("EXAMPLE.COM", "ipaserver.example.com", "example.com"),
        ("EXAMPLE.COM", "ipaserver.lab.example.com", "example.com"),
        ("LAB", "ipaserver.lab.example.com", "lab.example.com"),
        ("CORP.EXAMPLE.NET", "ipaserver.example.com", "example.com"),
        ("PLE.COM", "ipaserver.example.com", "example.com"),
    ],
)
def test_the_domain_of_a_realm_that_does_not_name_one(realm: str, hostname: str, domain: str) -> None:
    assert probing._domain(realm, hostname) == domain
