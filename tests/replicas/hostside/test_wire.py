"""Packets, byte by byte."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicas.hostside import wire


def test_lengths() -> None:
    assert wire.tlv(4, b"x" * 127)[:2] == b"\x04\x7f"
    assert wire.tlv(4, b"x" * 128)[:3] == b"\x04\x81\x80"
    assert wire.tlv(4, b"x" * 300)[:4] == b"\x04\x82\x01\x2c"
    assert wire.integer(128) == b"\x02\x02\x00\x80"
    assert wire.integer(0) == b"\x02\x01\x00"


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_noise_is_a_bad_answer(data: bytes) -> None:
    for read in (wire.element, wire.ldap_result, wire.kerberos_answer, wire.kpasswd_answer):
        try:
            read(data)
        except wire.BadAnswer:
            continue


@settings(max_examples=300)
@given(st.binary(max_size=70000), st.integers(0, 255))
def test_elements_come_back(content: bytes, tag: int) -> None:
    assert wire.element(wire.tlv(tag, content)) == (tag, content, len(wire.tlv(tag, content)))


def test_kpasswd_lengths() -> None:
    packet = wire.kpasswd_request()
    size, version, request = struct.unpack("!HHH", packet[:6])
    assert (size, version) == (len(packet), 1)
    assert packet[6] == 0x6E
    assert packet[6 + request] == 0x75


def test_dns() -> None:
    query = wire.soa_query("example.com.")
    assert query[12:] == b"\x07example\x03com\x00\x00\x06\x00\x01"
    answer = query[:2] + b"\x80\x05" + query[4:]
    assert wire.dns_answer(query, answer) == "REFUSED"
    with pytest.raises(wire.BadAnswer):
        wire.dns_answer(query, query)


def test_ntp_offset() -> None:
    now = time.time()
    request = bytes((0x23,)) + bytes(39) + wire.ntp_time(now)
    answer = bytes((0x24,)) + bytes(23) + request[40:48] + wire.ntp_time(now + 10.1) + wire.ntp_time(now + 10.2)
    offset, delay = wire.ntp_answer(request, answer, now + 0.3)
    assert offset == pytest.approx(10, abs=1e-3)
    assert delay == pytest.approx(0.2, abs=1e-3)
    with pytest.raises(wire.BadAnswer):
        wire.ntp_answer(request, bytes(48), now)
