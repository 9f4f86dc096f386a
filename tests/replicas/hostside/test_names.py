"""What the program that asks a host's resolver makes of answers and of resolv.conf."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas.hostside import names

NAME = "ipareplica.example.com"


def answered(*lines: tuple[str, str, str], name: str = NAME) -> tuple[bytes, bytes]:
    asked = names.question(name)
    answer = dns.message.make_response(dns.message.from_wire(asked))
    answer.answer = [dns.rrset.from_text(owner, 300, "IN", kind, value) for owner, kind, value in lines]
    return asked, answer.to_wire()


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([(f"{NAME}.", "CNAME", "web.example.com.")], "web.example.com"),
        ([("IPAreplica.Example.com.", "CNAME", "Web.Example.net.")], "web.example.net"),
        ([("example.com.", "DNAME", "example.net."), (f"{NAME}.", "CNAME", "x.example.net.")], "x.example.net"),
        ([("other.example.com.", "CNAME", "web.example.com.")], ""),
        ([], ""),
    ],
)
def test_the_alias_of_the_name(lines: list[tuple[str, str, str]], found: str) -> None:
    assert names.target(*answered(*lines), NAME) == found


def test_an_answer_to_another_question_is_not_taken() -> None:
    asked, answer = answered((f"{NAME}.", "CNAME", "web.example.com."))
    with pytest.raises(ValueError, match="another question"):
        names.target(bytes((asked[0] ^ 1,)) + asked[1:], answer, NAME)


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_name_server_that_refuses_is_not_the_last_to_be_asked(code: dns.rcode.Rcode) -> None:
    asked = names.question(NAME)
    answer = dns.message.make_response(dns.message.from_wire(asked))
    answer.set_rcode(code)
    with pytest.raises(ValueError, match="refusal"):
        names.target(asked, answer.to_wire(), NAME)
    answer.set_rcode(dns.rcode.NXDOMAIN)
    assert names.target(asked, answer.to_wire(), NAME) == ""


def test_a_name_that_points_to_itself_ends() -> None:
    with pytest.raises(ValueError, match="without an end"):
        names.read_name(b"\xc0\x00", 0)


@given(st.binary(max_size=80))
def test_garbage_is_an_error_that_is_expected(data: bytes) -> None:
    asked = names.question(NAME)
    with contextlib.suppress(ValueError, IndexError, struct.error):
        names.target(asked, asked[:2] + b"\x80" + data, NAME)


def test_name_servers_of_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    lines = (
        "# nameserver 192.0.2.1",
        "search example.com",
        "nameserver 10.0.0.1",
        " nameserver fd00::1 # x",
        "nameserver",
    )
    path.write_text("\n".join(lines))
    assert names.name_servers(str(path)) == ["10.0.0.1", "fd00::1"]
    assert names.name_servers(str(tmp_path / "missing")) == []


def test_lines_of_hosts(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(
        "# 192.0.2.1 comment\n192.0.2.1 one.example.com one # first\n192.0.2.1\ttwo.example.com\n"
        "FD00:0::1 six.example.com\n192.0.2.9\n"
    )
    assert names.hosts_lines(str(path)) == {
        "192.0.2.1": "192.0.2.1 one.example.com one # first",
        "fd00::1": "FD00:0::1 six.example.com",
    }
    assert names.hosts_lines(str(tmp_path / "missing")) == {}
