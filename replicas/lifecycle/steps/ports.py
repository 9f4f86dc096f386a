"""The ports of a connection check, and how the log and the errors speak about them (guide, step 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.wording import milliseconds


@dataclass(frozen=True, slots=True)
class Port:
    """`label` has a place for the number; `kind` is the protocol that hostside/probes.py speaks there."""

    label: str
    number: int
    protocol: str
    kind: str

    def __str__(self) -> str:
        return f"{self.number} ({self.protocol.upper()})"


CONNCHECK = (
    Port("Directory Service: Unsecure port", 389, "tcp", "ldap"),
    Port("Directory Service: Secure port", 636, "tcp", "ldaps"),
    Port("Kerberos KDC: TCP", 88, "tcp", "kdc"),
    Port("Kerberos KDC: UDP", 88, "udp", "kdc"),
    Port("Kerberos Kpasswd: TCP", 464, "tcp", "kpasswd"),
    Port("Kerberos Kpasswd: UDP", 464, "udp", "kpasswd"),
    Port("HTTP Server: Unsecure port", 80, "tcp", "http"),
    Port("HTTP Server: Secure port", 443, "tcp", "https"),
)
"""What ipa-replica-conncheck looks at."""
BASE = (
    *CONNCHECK,
    Port("Kerberos Administration: TCP", 749, "tcp", "connect"),
    Port("Time Service: UDP", 123, "udp", "ntp"),
)
DNS = (Port("DNS Server: TCP", 53, "tcp", "dns"), Port("DNS Server: UDP", 53, "udp", "dns"))


Choice = Callable[[Job], tuple[tuple[Port, ...], tuple[Port, ...]]]
"""The ports on the master, and those on the replica."""


def of_all_services(job: Job) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Of a master that serves everything its realm has."""
    return (BASE + DNS if job.realm.dns else BASE), (BASE + DNS if job.options.setup_dns else BASE)


def of_conncheck(job: Job) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Name service of a FreeIPA realm may be elsewhere, and time is nobody's there."""
    return CONNCHECK, (CONNCHECK + DNS if job.options.setup_dns else CONNCHECK)


def line(port: Port, results: Iterable[Mapping[str, Any]]) -> str:
    """«   Kerberos KDC: UDP (88): OK (10.0.0.1, 1.2 ms)»; one failed address makes it FAILED, with the cause."""
    found = list(results)
    outcome = "OK" if all(one["ok"] for one in found) else "FAILED"
    details = "; ".join(
        f"{one['address']}, {milliseconds(one['ms'])}" if one["ok"] else f"{one['address']}, {one['detail']}"
        for one in found
    )
    return f"   {port.label} ({port.number}): {outcome} ({details})"


@dataclass(frozen=True, slots=True)
class Direction:
    """What one direction came to: `failed` has each port that did not answer, with the cause."""

    source: str
    target: str
    target_host: str
    failed: tuple[tuple[Port, str], ...]

    @property
    def message(self) -> str:
        ports = ", ".join(str(port) for port, _ in self.failed)
        return f"{ports} from {self.source} to {self.target} {self.target_host}"

    def remedy(self, source_host: str) -> str:
        """What to do on the host that did not answer: refused ports have no service, silent ones a firewall."""
        refused = [port for port, cause in self.failed if cause == "connection refused"]
        silent = [port for port, cause in self.failed if cause.startswith(("no answer", "no route"))]
        wrong = [f"{port}: {cause}" for port, cause in self.failed if port not in (*refused, *silent)]
        parts = []
        if silent:
            rules = [f"{port.number}/{port.protocol}" for port in silent]
            command = " ".join(["firewall-cmd --permanent", *(f"--add-port={rule}" for rule in rules)])
            parts.append(
                f"On {self.target_host}, let {', '.join(rules)} in from {source_host} "
                f"(firewalld: {command} && firewall-cmd --reload), and let {source_host} send there."
            )
        if refused:
            parts.append(f"On {self.target_host}, start what serves {', '.join(map(str, refused))}.")
        if wrong:
            parts.append(f"On {self.target_host}, look at {'; '.join(wrong)}.")
        return " ".join(parts)
