"""The work that it takes to open an encrypted file, read from the file before anything is opened.

The author of a file chooses how often the key derivation repeats. The numbers are found by the object identifiers of
the algorithms, so nesting and BER's indefinite lengths do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_ROUNDS = 1_000_000
"""Rounds of one key derivation. OpenSSL writes 2048, the Java keystore 10,000, and careful people some 600,000."""
MOST_ROUNDS_TOGETHER = 4 * MOST_ROUNDS
MOST_BLOCKS = 1 << 20
"""N times r of scrypt: 128 MiB of memory. OpenSSL writes 2**17."""
BLOCKS_A_ROUND = 2
"""Two blocks of scrypt take about as long as one round of PBKDF2."""

PKCS5 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05"
PKCS12 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"
ROUNDED = re.compile(rb"\x06\x09" + re.escape(PKCS5) + rb"[\x01-\x0c]|\x06\x0a" + re.escape(PKCS12) + rb"[\x01-\x06]")
"""PBES1, PBKDF2 and the key derivation of PKCS#12: salt and rounds follow."""
SCRYPT = re.compile(rb"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b")
INTEGER, OCTETS, SEQUENCE = 0x02, 0x04, 0x30
DEEPEST, HEAD = 32, 48


class Malformed(ValueError):
    """The bytes are not BER."""


def protects(content: bytes) -> bool:
    """Whether an encryption by a password is among the first bytes, where a key (PKCS#8) has it."""
    return any(prefix in content[:HEAD] for prefix in (PKCS5, PKCS12))


def too_much(content: bytes) -> int:
    """How often the file wants a derivation repeated, if that is more than the portal does; else 0."""
    found = [*_rounds(content), *_scrypt(content)]
    if any(rounds > MOST_ROUNDS for rounds in found):
        return max(found)
    return sum(found) if sum(found) > MOST_ROUNDS_TOGETHER else 0


def _rounds(content: bytes) -> Iterator[int]:
    for place in ROUNDED.finditer(content):
        parameters = _values(content, place.end())
        if len(parameters) > 1 and parameters[0][0] == OCTETS and parameters[1][0] == INTEGER:
            yield int.from_bytes(parameters[1][1], "big", signed=True)
    yield from _authentication(content)


def _scrypt(content: bytes) -> Iterator[int]:
    """As many rounds as take about as long."""
    for place in SCRYPT.finditer(content):
        numbers = [int.from_bytes(value, "big") for tag, value in _values(content, place.end()) if tag == INTEGER]
        if len(numbers) >= 3:
            cost, size, parallel = numbers[:3]
            blocks = cost * size * parallel // BLOCKS_A_ROUND
            yield blocks if cost * size <= MOST_BLOCKS else max(blocks, MOST_ROUNDS + 1)


def _authentication(content: bytes) -> Iterator[int]:
    """Rounds of the MAC at the end of a PKCS#12 file (RFC 7292, section 4)."""
    try:
        whole = _elements(content, *_span(content, 0, 0)[1:3])
        if len(whole) > 2 and whole[2][0] == SEQUENCE:
            parts = _elements(content, *whole[2][1:])
            if len(parts) > 2 and parts[2][0] == INTEGER:
                yield int.from_bytes(content[parts[2][1] : parts[2][2]], "big", signed=True)
    except Malformed:
        return


def _values(content: bytes, at: int) -> list[tuple[int, bytes]]:
    """Tags and contents in the sequence that begins there; nothing if none does."""
    try:
        tag, begin, end, _next = _span(content, at, 0)
        return [(inner, content[first:last]) for inner, first, last in _elements(content, begin, end)] * (
            tag == SEQUENCE
        )
    except Malformed:
        return []


def _elements(content: bytes, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Tag, begin and end of each element in there."""
    found = []
    while begin < end:
        tag, first, last, begin = _span(content, begin, 0)
        found.append((tag, first, last))
    return found


def _span(content: bytes, at: int, depth: int) -> tuple[int, int, int, int]:
    """The tag of the element that begins there, where its content begins and ends, and where the next one begins."""
    if at + 2 > len(content) or depth > DEEPEST:
        raise Malformed
    tag, size, begin = content[at], content[at + 1], at + 2
    if size == 0x80:
        return tag, begin, *_indefinite(content, begin, depth)
    if size & 0x80:
        count = size & 0x7F
        size, begin = int.from_bytes(content[begin : begin + count], "big"), begin + count
    if begin + size > len(content):
        raise Malformed
    return tag, begin, begin + size, begin + size


def _indefinite(content: bytes, at: int, depth: int) -> tuple[int, int]:
    """Where a content of indefinite length ends, and where the next element begins."""
    while content[at : at + 2] != b"\0\0":
        at = _span(content, at, depth + 1)[3]
    return at, at + 2
