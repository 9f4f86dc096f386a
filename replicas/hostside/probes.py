"""One probe for each protocol: send the smallest request there is, and say what came back."""

import os
import select
import socket
import ssl
import struct
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, NamedTuple, Tuple

from replicas.hostside import tls, wire

RESEND_SECONDS = 0.5
# Different from each other, so that two listeners can never keep a packet going between them.
ASK, REPLY = b"replica-portal?", b"replica-portal!"
NONCE = 16


class Target(NamedTuple):
    """What to probe: `host` is the name that certificates must have, `seconds` the time for the whole probe."""

    address: str
    port: int
    host: str
    realm: str
    zone: str
    ca: str
    seconds: float


@contextmanager
def tcp(target: Target) -> Iterator[socket.socket]:
    with socket.create_connection((target.address, target.port), timeout=target.seconds) as connection:
        yield connection


def udp(target: Target, request: Callable[[], bytes]) -> Tuple[bytes, bytes, float]:
    """Request, answer and arrival time (Unix seconds). A lost packet is sent again. Raises TimeoutError, OSError."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    end = time.monotonic() + target.seconds
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.connect((target.address, target.port))
        while time.monotonic() < end:
            sent = request()
            connection.send(sent)
            if select.select([connection], [], [], min(RESEND_SECONDS, max(0.0, end - time.monotonic())))[0]:
                return sent, connection.recv(65535), time.time()
    raise TimeoutError


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise wire.BadAnswer("the connection was closed without an answer")
        data += piece
    return data


def framed(target: Target, request: bytes) -> bytes:
    """Ask a Kerberos service over TCP: four octets of length first (RFC 4120, 7.2.2)."""
    with tcp(target) as connection:
        connection.sendall(struct.pack("!I", len(request)) + request)
        return exactly(connection, min(struct.unpack("!I", exactly(connection, 4))[0], 65535))


def secure(connection: socket.socket, target: Target) -> ssl.SSLSocket:
    """TLS with the certificate verified against the realm's authority and the host name, if an authority is given."""
    context = tls.trusting(target.ca) if target.ca else tls.accepting()
    return context.wrap_socket(connection, server_hostname=target.host)


def read_ldap(connection: socket.socket) -> Tuple[int, bytes]:
    data = exactly(connection, 2)
    if data[1] & 0x80:
        data += exactly(connection, data[1] & 0x7F)
        size = int.from_bytes(data[2:], "big")
    else:
        size = data[1]
    return wire.ldap_result(data + exactly(connection, min(size, 65535)))


def search(connection: socket.socket) -> str:
    connection.sendall(wire.root_dse(2))
    tag = wire.SEARCH_ENTRY
    while tag == wire.SEARCH_ENTRY:
        tag, _ = read_ldap(connection)
    if tag != wire.SEARCH_DONE:
        raise wire.BadAnswer("an answer that is no search result")
    return "root DSE"


def ldap(target: Target) -> str:
    """A root DSE search; behind StartTLS when an authority is given.

    Nothing comes before StartTLS: 389 Directory Server refuses it while it still finishes another operation.
    """
    with tcp(target) as connection:
        if not target.ca:
            return search(connection)
        connection.sendall(wire.starttls(3))
        tag, result = read_ldap(connection)
        code = wire.elements(result)[0][1]
        if tag != wire.EXTENDED or code != b"\0":
            raise wire.BadAnswer(f"StartTLS was refused (result code {int.from_bytes(code, 'big')})")
        with secure(connection, target) as encrypted:
            return f"{search(encrypted)}, StartTLS {encrypted.version()}"


def ldaps(target: Target) -> str:
    with tcp(target) as connection, secure(connection, target) as encrypted:
        return f"{search(encrypted)}, {encrypted.version()}"


def kdc_tcp(target: Target) -> str:
    return wire.kerberos_answer(framed(target, wire.as_request(target.realm)))


def kdc_udp(target: Target) -> str:
    return wire.kerberos_answer(udp(target, lambda: wire.as_request(target.realm))[1])


def kpasswd_tcp(target: Target) -> str:
    return wire.kpasswd_answer(framed(target, wire.kpasswd_request()))


def kpasswd_udp(target: Target) -> str:
    return wire.kpasswd_answer(udp(target, wire.kpasswd_request)[1])


def get(connection: socket.socket, host: str) -> str:
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
    line = b""
    while b"\n" not in line and len(line) < 4096:
        piece = connection.recv(1024)
        if not piece:
            break
        line += piece
    words = line.split(b"\r\n")[0].decode("ascii", "replace").split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        raise wire.BadAnswer("an answer that is not HTTP")
    return f"status {words[1]}"


def http(target: Target) -> str:
    with tcp(target) as connection:
        return get(connection, target.host)


def https(target: Target) -> str:
    with tcp(target) as connection, secure(connection, target) as encrypted:
        return f"{get(encrypted, target.host)}, {encrypted.version()}"


def dns_tcp(target: Target) -> str:
    query = wire.soa_query(target.zone)
    with tcp(target) as connection:
        connection.sendall(struct.pack("!H", len(query)) + query)
        return wire.dns_answer(query, exactly(connection, struct.unpack("!H", exactly(connection, 2))[0]))


def dns_udp(target: Target) -> str:
    query, answer, _ = udp(target, lambda: wire.soa_query(target.zone))
    return wire.dns_answer(query, answer)


def forwarder_udp(target: Target) -> str:
    query, answer, _ = udp(target, wire.root_query)
    return wire.root_answer(query, answer)


def ntp(target: Target) -> str:
    offset, delay = clock(target)
    return f"offset {offset:+.6f} s, delay {delay:.6f} s"


def clock(target: Target) -> Tuple[float, float]:
    """Offset of the target's clock from this host's and round-trip delay, in seconds."""
    return wire.ntp_answer(*udp(target, wire.ntp_request))


def connect(target: Target) -> str:
    with tcp(target):
        return "accepts connections"


def echo_tcp(target: Target) -> str:
    nonce = os.urandom(NONCE)
    with tcp(target) as connection:
        connection.sendall(ASK + nonce)
        return echoed(nonce, exactly(connection, len(REPLY) + NONCE))


def echo_udp(target: Target) -> str:
    nonce = os.urandom(NONCE)
    return echoed(nonce, udp(target, lambda: ASK + nonce)[1])


def echoed(nonce: bytes, answer: bytes) -> str:
    if answer != REPLY + nonce:
        raise wire.BadAnswer("an answer that is not the listener's")
    return "echo"


PROBES: Dict[Tuple[str, str], Callable[[Target], str]] = {
    ("ldap", "tcp"): ldap,
    ("ldaps", "tcp"): ldaps,
    ("kdc", "tcp"): kdc_tcp,
    ("kdc", "udp"): kdc_udp,
    ("kpasswd", "tcp"): kpasswd_tcp,
    ("kpasswd", "udp"): kpasswd_udp,
    ("http", "tcp"): http,
    ("https", "tcp"): https,
    ("dns", "tcp"): dns_tcp,
    ("dns", "udp"): dns_udp,
    ("forwarder", "udp"): forwarder_udp,
    ("ntp", "udp"): ntp,
    ("connect", "tcp"): connect,
    ("echo", "tcp"): echo_tcp,
    ("echo", "udp"): echo_udp,
}
