"""LDIF by RFC 2849, and distinguished names."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas.hostside import ldif

LONG = "dc=a-department-with-a-long-name,dc=of-a-company-with-a-longer-name,dc=example,dc=com"
TEXT = f"""version: 1
# a comment that is
 folded: dn: cn=none
dn: cn=config
cn: config
nsslapd-defaultnamingcontext: {LONG[:30]}
 {LONG[30:60]}
 {LONG[60:]}
NSSLAPD-LOCALHOST:: {base64.b64encode(b"server.example.com").decode()}
description;lang-de:: {base64.b64encode("Größe".encode()).decode()}
empty:


dn:: {base64.b64encode(b"cn=second,cn=config").decode()}
cn:second
aci: (targetattr = "a || b")(version 3.0; acl "x"; allow (read) userdn = "ldap:///anyone";)
# the end"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_form_of_a_line(end: str) -> None:
    config, second = ldif.parse(TEXT.replace("\n", end).encode())
    assert config.dn == "cn=config"
    assert config.value("nsslapd-defaultNamingContext") == LONG
    assert config.value("nsslapd-localhost") == "server.example.com"
    assert config.value("description;lang-de") == "Größe"
    assert config.values("empty") == [""]
    assert second.dn == "cn=second,cn=config"
    assert second.value("cn") == "second"
    assert second.value("aci").endswith('anyone";)')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cn: x\n", "has no name"),
        ("dn: cn=x\nno colon\n", "not an attribute"),
        ("dn: cn=x\ncn:: %%%\n", "not base64"),
        ("dn: cn=x\njpegPhoto:< file:///etc/shadow\n", "in another file"),
    ],
)
def test_what_is_not_ldif(text: str, words: str) -> None:
    with pytest.raises(ldif.Malformed, match=words):
        ldif.parse(text.encode())


VALUES = st.binary(max_size=300) | st.text(max_size=200).map(str.encode)


@given(st.lists(st.lists(st.tuples(st.sampled_from(["cn", "aci", "x;y"]), VALUES), min_size=1, max_size=4), max_size=4))
def test_what_is_written_is_what_is_read(content: list[list[tuple[str, bytes]]]) -> None:
    entries = [ldif.Entry(f"cn={n}, ö", values) for n, values in enumerate(content)]
    text = ldif.compose(entries)
    assert [(one.dn, one.attributes) for one in ldif.parse(text)] == [(one.dn, one.attributes) for one in entries]
    assert max(map(len, text.split(b"\n"))) <= ldif.WIDTH


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cn=config", "CN = Config", True),
        (
            "cn=dc\\3Dexample\\2Cdc\\3Dcom,cn=mapping tree,cn=config",
            'cn="dc=example,dc=com", cn=Mapping Tree,cn=config',
            True,
        ),
        ("cn=a+ou=b,dc=c", "OU=B+CN=A;dc=c", True),
        ("cn=a\\,b", 'cn="a,b"', True),
        ("cn=\\C3\\B6", "cn=ö", True),
        ("cn=a,dc=b", "cn=a", False),
        ("cn=a", "cn=b", False),
    ],
)
def test_names_in_other_forms(one: str, other: str, same: bool) -> None:
    assert (ldif.parts(one) == ldif.parts(other)) is same


def test_names_below_a_suffix() -> None:
    assert ldif.below("cn=kerberos,dc=example,dc=com", "DC=example, DC=com")
    assert ldif.below("dc=com", "dc=com")
    assert not ldif.below("cn=kerberos,dc=otherexample,dc=com", "dc=example,dc=com")
    with pytest.raises(ldif.Malformed, match="not a part of a name"):
        ldif.parts("no name")
