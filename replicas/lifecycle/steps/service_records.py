"""The DNS records by which clients find a server's services, in any realm."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Job

SERVICES = (
    ("_ldap._tcp", 389),
    ("_kerberos._tcp", 88),
    ("_kerberos._udp", 88),
    ("_kerberos-master._tcp", 88),
    ("_kerberos-master._udp", 88),
    ("_kpasswd._tcp", 464),
    ("_kpasswd._udp", 464),
)
"""What every kind of realm has, with its port."""


def service_records(job: Job, more: Iterable[tuple[str, int]] = ()) -> tuple[Record, ...]:
    """SRV records of SERVICES and of what a kind of realm has beside them."""
    domain, name = job.realm.domain, f"{job.replica.hostname}."
    return tuple(Record(f"{service}.{domain}.", "SRV", f"0 100 {port} {name}") for service, port in (*SERVICES, *more))
