"""The smallest requests that LDAP, Kerberos, DNS and NTP servers answer, and how to read the answers."""

import os
import struct
import time
from typing import List, Tuple

RRSIG = 46
SIGNED, UNSIGNED = "signed", "not signed"
NTP_EPOCH = 2208988800  # seconds from 1900 (RFC 5905, 6) to 1970
KRB_ERROR, AS_REP = 0x7E, 0x6B  # [APPLICATION 30] and [APPLICATION 11] (RFC 4120, 5.10)
STARTTLS = b"1.3.6.1.4.1.1466.20037"  # RFC 4511, 4.14.1
SEARCH_ENTRY, SEARCH_DONE, EXTENDED = 0x64, 0x65, 0x78  # RFC 4511, 4.5.2 and 4.12


class BadAnswer(Exception):
    """Something answered, but not in the protocol."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """One BER element with definite length (X.690, 8.1)."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(number: int, tag: int = 0x02) -> bytes:
    """A number that is not negative."""
    return tlv(tag, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def element(data: bytes, start: int = 0) -> Tuple[int, bytes, int]:
    """Tag, content and end of the element at `start`. Raises BadAnswer when it is not all there."""
    try:
        tag, size = data[start], data[start + 1]
    except IndexError as error:
        raise BadAnswer("an incomplete answer") from error
    begin = start + 2
    if size & 0x80:
        octets = size & 0x7F
        if not 0 < octets <= 4:
            raise BadAnswer("an answer that is not BER")
        size = int.from_bytes(data[begin : begin + octets], "big")
        begin += octets
    if begin + size > len(data):
        raise BadAnswer("an incomplete answer")
    return tag, data[begin : begin + size], begin + size


def elements(content: bytes) -> List[Tuple[int, bytes]]:
    found, at = [], 0
    while at < len(content):
        tag, inner, at = element(content, at)
        found.append((tag, inner))
    return found


def root_dse(message: int = 1) -> bytes:
    """A search of the root DSE: base "", scope base, (objectClass=*), attribute vendorVersion (RFC 4511, 4.5.1)."""
    search = tlv(
        0x63,
        tlv(0x04),
        integer(0, 0x0A),
        integer(0, 0x0A),
        integer(1),
        integer(5),
        tlv(0x01, b"\0"),
        tlv(0x87, b"objectClass"),
        tlv(0x30, tlv(0x04, b"vendorVersion")),
    )
    return tlv(0x30, integer(message), search)


def starttls(message: int = 1) -> bytes:
    return tlv(0x30, integer(message), tlv(0x77, tlv(0x80, STARTTLS)))


def ldap_result(message: bytes) -> Tuple[int, bytes]:
    """The operation's tag and content of an LDAPMessage. Raises BadAnswer."""
    tag, content, _ = element(message)
    parts = elements(content) if tag == 0x30 else []
    if len(parts) < 2:
        raise BadAnswer("an answer that is not LDAP")
    return parts[1]


def as_request(realm: str, client: str = "connection-check") -> bytes:
    """An AS-REQ without pre-authentication (RFC 4120, 5.4.1); a KDC answers it whether it knows the client or not."""

    def name(kind: int, *parts: str) -> bytes:
        words = (tlv(0x1B, part.encode()) for part in parts)
        return tlv(0x30, tlv(0xA0, integer(kind)), tlv(0xA1, tlv(0x30, *words)))

    body = tlv(
        0x30,
        tlv(0xA0, tlv(0x03, b"\0\0\0\0\0")),
        tlv(0xA1, name(1, client)),
        tlv(0xA2, tlv(0x1B, realm.encode())),
        tlv(0xA3, name(2, "krbtgt", realm)),
        tlv(0xA5, tlv(0x18, b"20370913024805Z")),
        tlv(0xA7, integer(int.from_bytes(os.urandom(3), "big"))),
        tlv(0xA8, tlv(0x30, integer(18), integer(17))),
    )
    return tlv(0x6A, tlv(0x30, tlv(0xA1, integer(5)), tlv(0xA2, integer(10)), tlv(0xA4, body)))


def kpasswd_request() -> bytes:
    """A change-password packet (RFC 3244, 2) of right shape around an AP-REQ that is not one.

    kadmind drops packets whose lengths or version are wrong without an answer; one with garbage where the AP-REQ
    should be it answers with KRB-ERROR (numeric result KRB5_KPASSWD_AUTHERROR).
    """
    request, private = tlv(0x6E, tlv(0x30)), tlv(0x75, tlv(0x30))
    size = 6 + len(request) + len(private)
    return struct.pack("!HHH", size, 1, len(request)) + request + private


def kerberos_answer(answer: bytes) -> str:
    """What a KDC said, in words. Raises BadAnswer for anything that is neither AS-REP nor KRB-ERROR."""
    tag, content, _ = element(answer)
    if tag == AS_REP:
        return "AS-REP"
    if tag != KRB_ERROR:
        raise BadAnswer("an answer that is not Kerberos")
    fields = dict(elements(element(content)[1]))
    return f"KRB-ERROR {int.from_bytes(element(fields[0xA6])[1], 'big')}" if 0xA6 in fields else "KRB-ERROR"


def kpasswd_answer(answer: bytes) -> str:
    """Behind six bytes of header, with an AP-REP of length 0, comes a KRB-ERROR (RFC 3244, 2)."""
    if len(answer) < 7 or struct.unpack("!H", answer[4:6])[0]:
        raise BadAnswer("an answer that is not kpasswd")
    return kerberos_answer(answer[6:])


def soa_query(zone: str) -> bytes:
    labels = [label for label in zone.encode("ascii").split(b".") if label]
    question = b"".join(bytes((len(label),)) + label for label in labels) + b"\0" + struct.pack("!HH", 6, 1)
    return os.urandom(2) + struct.pack("!HHHHH", 0, 1, 0, 0, 0) + question


def dns_answer(query: bytes, answer: bytes) -> str:
    """The response code in words. Raises BadAnswer when it does not answer the query."""
    if len(answer) < 12 or answer[:2] != query[:2] or not answer[2] & 0x80:
        raise BadAnswer("an answer that is not DNS")
    code = answer[3] & 0x0F
    return {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}.get(code, f"response code {code}")


def root_query() -> bytes:
    """The SOA record of the root, with its signature: recursion desired, EDNS0 (RFC 6891) with DO (RFC 3225)."""
    question = b"\0" + struct.pack("!HH", 6, 1)
    return (
        os.urandom(2)
        + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1)
        + question
        + b"\0"
        + struct.pack("!HHIH", 41, 1232, 0x8000, 0)
    )


def root_answer(query: bytes, answer: bytes) -> str:
    """SIGNED or UNSIGNED. Raises BadAnswer when it is not the record that was asked for."""
    code = dns_answer(query, answer)
    questions, answers = struct.unpack("!HH", answer[4:8])
    if code != "NOERROR" or not answers:
        raise BadAnswer(f"{code} for the SOA record of the root")
    place, kinds = 12, set()
    try:
        for _ in range(questions):
            place = _after_name(answer, place) + 4
        for _ in range(answers):
            place = _after_name(answer, place)
            kind, _class, _ttl, length = struct.unpack("!HHIH", answer[place : place + 10])
            kinds.add(kind)
            place += 10 + length
    except (IndexError, struct.error):
        raise BadAnswer("an answer that is cut short") from None
    return SIGNED if RRSIG in kinds else UNSIGNED


def _after_name(message: bytes, place: int) -> int:
    """Where a name ends that begins at `place` (RFC 1035, 4.1.4)."""
    length = message[place]
    while 0 < length < 0xC0:
        place += 1 + length
        length = message[place]
    return place + (2 if length else 1)


def ntp_request() -> bytes:
    """Version 4, mode 3 (RFC 5905, 7.3); the transmit time is our own clock, and comes back as the origin time."""
    return bytes((0x23,)) + bytes(39) + ntp_time(time.time())


def ntp_time(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("!II", (whole + NTP_EPOCH) & 0xFFFFFFFF, int((seconds - whole) * 2**32))


def ntp_answer(request: bytes, answer: bytes, received: float) -> Tuple[float, float]:
    """Offset of the server's clock from ours and round-trip delay, in seconds (RFC 5905, 8). Raises BadAnswer."""
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[24:32] != request[40:48]:
        raise BadAnswer("an answer that is not NTP")
    origin, arrived, left = (_seconds(part) for part in (answer[24:32], answer[32:40], answer[40:48]))
    back = received + NTP_EPOCH
    return ((arrived - origin) + (left - back)) / 2, (back - origin) - (left - arrived)


def _seconds(stamp: bytes) -> float:
    whole, fraction = struct.unpack("!II", stamp)
    return float(whole + fraction / 2**32)
