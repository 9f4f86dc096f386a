"""What the listeners of the connection check answer, and what they do not."""

from __future__ import annotations

import pytest

from replicas.hostside import probes
from replicas.hostside.listen import answer

NONCE = b"n" * probes.NONCE


def test_a_probe_gets_its_echo() -> None:
    assert answer(probes.ASK + NONCE) == probes.REPLY + NONCE


def test_an_empty_packet_as_freeipas_own_check_sends_it_gets_a_word() -> None:
    assert answer(b"") == probes.REPLY


@pytest.mark.parametrize("other", [b"\0", probes.ASK, probes.ASK + NONCE + b"x", b"M-SEARCH * HTTP/1.1"])
def test_anything_else_gets_nothing(other: bytes) -> None:
    assert answer(other) == b""


@pytest.mark.parametrize("packet", [b"", probes.ASK + NONCE])
def test_no_answer_is_answered(packet: bytes) -> None:
    assert answer(answer(packet)) == b""
