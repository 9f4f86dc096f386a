"""Probe ports of another host, all at once and every address of it.

Payload: host, addresses (default: what this host resolves), realm, zone, ca (PEM), seconds, and checks, each with
port, protocol (tcp, udp) and kind (see probes.PROBES). Answers {"addresses", "results"}, a result for each check and
address with port, protocol, kind, address, ok, detail (or cause), ms; for NTP also offset and delay in seconds.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from replicas.hostside import probes, wire

CAUSES = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.EACCES: "not permitted by this host's own firewall",
    errno.EPERM: "not permitted by this host's own firewall",
}


def cause(error: Exception, target: probes.Target) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate(error, target)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the connection was closed'}"
    if isinstance(error, TimeoutError):
        return f"no answer within {target.seconds:g} s"
    if isinstance(error, OSError):
        return CAUSES.get(error.errno or 0, error.strerror or str(error))
    return str(error)


def certificate(error: ssl.SSLCertVerificationError, target: probes.Target) -> str:
    """What is wrong with a certificate. Whom a wrong one is for is only told after a handshake that accepts it."""
    hostname_mismatch = 62  # X509_V_ERR_HOSTNAME_MISMATCH
    if error.verify_code != hostname_mismatch:
        return f"its certificate is not trusted: {error.verify_message}"
    context = ssl.create_default_context(cadata=target.ca)
    context.check_hostname = False
    try:
        with probes.tcp(target) as connection, context.wrap_socket(connection) as encrypted:
            facts: dict[str, Any] = encrypted.getpeercert() or {}
            names = [name for _, name in facts.get("subjectAltName", ())]
    except OSError:
        names = []
    return f"its certificate is for {', '.join(names) or 'another name'}, not for {target.host}"


def check(target: probes.Target, protocol: str, kind: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"port": target.port, "protocol": protocol, "kind": kind, "address": target.address}
    start = time.monotonic()
    try:
        if kind == "ntp":
            answer["offset"], answer["delay"] = probes.clock(target)
            detail = f"clock differs by {abs(answer['offset']):.3f} s"
        else:
            detail = probes.PROBES[kind, protocol](target)
        answer.update(ok=True, detail=detail)
    except (OSError, ssl.SSLError, wire.BadAnswer) as error:
        answer.update(ok=False, detail=cause(error, target))
    answer["ms"] = round((time.monotonic() - start) * 1000, 1)
    return answer


def resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def main() -> dict[str, Any]:
    payload = json.loads(sys.stdin.buffer.readline())
    host = payload["host"]
    try:
        addresses = payload.get("addresses") or resolve(host)
    except socket.gaierror as error:
        return {
            "error": f"{socket.gethostname()} does not resolve {host}: {error.strerror}.",
            "remedy": f"Add {host} to DNS, and see that {socket.gethostname()} asks that DNS.",
        }
    facts = {name: payload.get(name, "") for name in ("realm", "zone", "ca")}
    work = [
        (probes.Target(address, one["port"], host, seconds=payload["seconds"], **facts), one["protocol"], one["kind"])
        for one in payload["checks"]
        for address in addresses
    ]
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        return {"addresses": addresses, "results": list(pool.map(lambda item: check(*item), work))}


if __name__ == "__main__":
    print(json.dumps(main()))
