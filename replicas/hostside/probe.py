"""Probe ports of another host, all at once and every address of it.

Payload: host, addresses (default: what this host resolves), realm, zone, ca (PEM), seconds, and checks, each with
port, protocol (tcp, udp) and kind (see probes.PROBES). Answers {"addresses", "results"}, a result for each check and
address with port, protocol, kind, address, ok, detail (or cause), ms; for NTP also offset and delay in seconds.
"""

import errno
import json
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

from replicas.hostside import probes, tls, wire

CAUSES = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.EACCES: "not permitted by this host's own firewall",
    errno.EPERM: "not permitted by this host's own firewall",
}

HOSTNAME_MISMATCH = 62  # X509_V_ERR_HOSTNAME_MISMATCH


def cause(error: Exception, target: probes.Target) -> str:
    # Python 3.6 has one error for names, which is no SSLError, and for all else one without attributes of its own.
    if isinstance(error, ssl.CertificateError) or getattr(error, "reason", "") == "CERTIFICATE_VERIFY_FAILED":
        return certificate(error, target)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the connection was closed'}"
    if isinstance(error, (TimeoutError, socket.timeout)):  # two errors before Python 3.10
        return f"no answer within {target.seconds:g} s"
    if isinstance(error, OSError):
        return CAUSES.get(error.errno or 0, error.strerror or str(error))
    return str(error)


def certificate(error: Exception, target: probes.Target) -> str:
    """What is wrong with a certificate. Whom a wrong one is for is only told after a handshake that accepts it."""
    code = getattr(error, "verify_code", None)
    if code != HOSTNAME_MISMATCH and not (code is None and isinstance(error, ssl.CertificateError)):
        return f"its certificate is not trusted: {getattr(error, 'verify_message', 'it was not verified')}"
    context = tls.trusting(target.ca)
    context.check_hostname = False
    try:
        with probes.tcp(target) as connection, context.wrap_socket(connection) as encrypted:
            facts: Dict[str, Any] = encrypted.getpeercert() or {}
            names = [name for _, name in facts.get("subjectAltName", ())]
    except OSError:
        names = []
    return f"its certificate is for {', '.join(names) or 'another name'}, not for {target.host}"


def check(target: probes.Target, protocol: str, kind: str) -> Dict[str, Any]:
    answer: Dict[str, Any] = {"port": target.port, "protocol": protocol, "kind": kind, "address": target.address}
    start = time.monotonic()
    try:
        if kind == "ntp":
            answer["offset"], answer["delay"] = probes.clock(target)
            detail = f"clock differs by {abs(answer['offset']):.3f} s"
        else:
            detail = probes.PROBES[kind, protocol](target)
        answer.update(ok=True, detail=detail)
    except (OSError, ssl.CertificateError, wire.BadAnswer) as error:
        answer.update(ok=False, detail=cause(error, target))
    answer["ms"] = round((time.monotonic() - start) * 1000, 1)
    return answer


def resolve(host: str) -> List[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def main() -> Dict[str, Any]:
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
