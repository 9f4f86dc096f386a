"""Files of MIT Kerberos, compared with what Kerberos itself reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from replicas.hostside import native_facts, profile

SERVER = "host.example.org"
KRB5 = """\
# default_realm = COMMENT.EXAMPLE
; default_realm = OTHER.EXAMPLE
includedir {folder}/conf.d
include {folder}/more.conf
module /usr/lib/plugin.so:init

  [libdefaults]
\tdefault_realm=LAB.EXAMPLE.COM
  default_realm = SECOND.EXAMPLE.COM
[realms]*
 OTHER.EXAMPLE.COM = {{
  kdc = kdc.example.net
  default_domain = example.net
 }}
 LAB.EXAMPLE.COM =
 {{
  auth_to_local = RULE:[1:$1@$0](.*@X)s/@.*//
  v4_instance_convert = {{
   x = y
  }}
  default_domain* = "Example.org"
 }}
[domain_realm]
 host.example.org = LAB.EXAMPLE.COM
 .example.org = LAB.EXAMPLE.COM
 .example.net = OTHER.EXAMPLE.COM
"""


@pytest.fixture
def kerberos(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-hidden.conf").write_text("[libdefaults]\n rdns = false\n")
    (tmp_path / "conf.d" / ".skipped.conf").write_text("[libdefaults]\n default_realm = SKIPPED\n")
    (tmp_path / "conf.d" / "backup.conf~").write_text("[libdefaults]\n default_realm = SKIPPED\n")
    (tmp_path / "more.conf").write_text("[appdefaults]\n pam = {\n  debug = false\n }\n")
    path = tmp_path / "krb5.conf"
    path.write_text(KRB5.format(folder=tmp_path))
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_section_of_the_realm_counts(kerberos: Path, end: str) -> None:
    kerberos.write_bytes(kerberos.read_text().replace("\n", end).encode())
    found = profile.load(str(kerberos))
    assert profile.first(found, "libdefaults", "default_realm") == "LAB.EXAMPLE.COM"
    assert profile.first(found, "libdefaults", "rdns") == "false"
    assert profile.first(found, "appdefaults", "pam", "debug") == "false"
    assert profile.first(found, "realms", "LAB.EXAMPLE.COM", "v4_instance_convert", "x") == "y"
    assert native_facts.domain(found, "LAB.EXAMPLE.COM", SERVER) == "example.org"
    assert native_facts.domain(found, "OTHER.EXAMPLE.COM", SERVER) == "example.net"
    assert native_facts.domain(found, "THIRD.EXAMPLE.COM", SERVER) == ""


def test_a_domain_that_is_only_mapped(kerberos: Path) -> None:
    kerberos.write_text(kerberos.read_text().replace("default_domain*", "other"))
    assert native_facts.domain(profile.load(str(kerberos)), "LAB.EXAMPLE.COM", SERVER) == "example.org"


@pytest.mark.parametrize(
    ("mapped", "domain"),
    [
        (".example.net .example.org", "example.org"),
        (".org .Example.ORG .other.example.org", "example.org"),
        ("host.example.org", ""),
        ("host.example.org example.org", "example.org"),
        ("host.example.org .example.net .example.com", "example.net"),
        ("host.example.net", ""),
    ],
)
def test_the_nearest_domain_around_the_server(tmp_path: Path, mapped: str, domain: str) -> None:
    path = tmp_path / "krb5.conf"
    path.write_text("[domain_realm]\n" + "".join(f"{name} = EXAMPLE.ORG\n" for name in mapped.split()))
    assert native_facts.domain(profile.load(str(path)), "EXAMPLE.ORG", "Host.example.org") == domain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[realms]\n A = {\n", "brace is not closed"),
        ("[realms]\n }\n", "nothing to close"),
        ("x = y\n", "line 1"),
        ("[a]\nx\n", "line 2"),
        ('[a]\nx = "y\n', "quote is not closed"),
        ("include {path}\n", "included by itself"),
    ],
)
def test_what_is_not_a_profile_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "krb5.conf"
    path.write_text(text.replace("{path}", str(path)))
    with pytest.raises(profile.Malformed, match=words):
        profile.load(str(path))


def paths(folder: Path) -> dict[str, str]:
    names = ("authority", "ca_key", "tsig_key", "kerberos", "kdc")
    return {name: str(folder / name) for name in names} | {"instances": str(folder)}


def test_a_server_with_several_instances_and_suffixes(tmp_path: Path) -> None:
    (tmp_path / "kerberos").write_text("[libdefaults]\n default_realm = LAB.EXAMPLE.COM\n")
    for instance, suffix in (("LAB-EXAMPLE-COM", "dc=lab"), ("EXAMPLE-COM", "dc=wrong")):
        (tmp_path / f"slapd-{instance}").mkdir()
        mapping = "".join(
            f"\ndn: cn={name},cn=mapping tree,cn=config\ncn: {name.replace(chr(92) + '3D', '=')}\nnsslapd-backend: x\n"
            for name in ("dc\\3Dother", "dc\\3Dlab")
        )
        (tmp_path / f"slapd-{instance}" / "dse.ldif").write_text(
            f"dn: cn=config\nnsslapd-localhost: {instance.lower()}.example.com\n"
            f"nsslapd-defaultnamingcontext: {suffix}\n{mapping}"
        )
    assert native_facts.facts(paths(tmp_path))["suffix"] == "dc=lab"
    assert native_facts.facts(paths(tmp_path))["name"] == "lab-example-com.example.com"
    (tmp_path / "kdc").write_text(
        "[realms]\n OTHER = {\n  database_module = x\n }\n LAB.EXAMPLE.COM = {\n  database_module = ldap\n }\n"
        "[dbmodules]\n x = {\n  ldap_kerberos_container_dn = cn=kerberos,dc=lab\n }\n"
        " ldap = {\n  ldap_kerberos_container_dn = cn=kerberos, DC=other\n }\n"
    )
    assert native_facts.facts(paths(tmp_path))["suffix"] == "dc=other"


def test_a_malformed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "kerberos").write_text("[libdefaults\n")
    answer = native_facts.main(paths(tmp_path))
    assert f"{tmp_path}/kerberos" in answer["error"]
    (tmp_path / "kerberos").write_text("[libdefaults]\n default_realm = LAB\n")
    (tmp_path / "slapd-LAB").mkdir()
    (tmp_path / "slapd-LAB" / "dse.ldif").write_text("dn: cn=config\nbroken\n")
    assert "slapd-LAB/dse.ldif: a line is not an attribute" in native_facts.main(paths(tmp_path))["error"]
