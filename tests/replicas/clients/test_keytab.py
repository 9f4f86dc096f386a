"""Keytabs, written here as MIT Kerberos describes their format; whatever else comes is refused in words."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas.clients.keytab import MAGIC, Keytab, KeytabError, principals
from tests.replicas.keytabs import entry, hole

REALM = "EXAMPLE.COM"


def test_each_key_has_its_principal() -> None:
    content = MAGIC + entry("portal") + hole(20) + entry("HTTP", "portal.example.com") + struct.pack(">i", 0) + b"rest"
    assert list(principals(content)) == ["portal@EXAMPLE.COM", "HTTP/portal.example.com@EXAMPLE.COM"]


def test_the_first_of_the_realm_signs_in() -> None:
    content = MAGIC + entry("portal", realm="OTHER.COM") + entry("portal") + entry("backup")
    assert Keytab.read(content, REALM).principal == "portal@EXAMPLE.COM"


def test_keys_are_not_shown() -> None:
    assert "kkk" not in repr(Keytab.read(MAGIC + entry("portal"), REALM))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a Kerberos keytab"),
        (b"-----BEGIN CERTIFICATE-----", "not a Kerberos keytab"),
        (MAGIC, "of nobody"),
        (MAGIC + hole(30), "of nobody"),
        (MAGIC + entry("portal", realm="OTHER.COM"), "but of portal@OTHER.COM"),
        (MAGIC + entry("portal")[:-40], "damaged"),
        (MAGIC + entry("portal") + b"\0\0", "damaged"),
        (MAGIC + struct.pack(">iH", 2, 1), "damaged"),
        (MAGIC + entry("portal") * 2000, "not a Kerberos keytab"),
    ],
)
def test_what_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(KeytabError, match=why) as caught:
        Keytab.read(content, REALM)
    assert caught.value.remedy


@given(st.binary(max_size=200))
def test_nothing_else_is_raised(rest: bytes) -> None:
    for content in (MAGIC + rest, MAGIC + entry("portal")[: len(rest)] + rest):
        try:
            Keytab.read(content, REALM)
        except KeytabError:
            continue
