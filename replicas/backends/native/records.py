"""The DNS records of a replica."""

from __future__ import annotations

from ipaddress import ip_address

from replicas.clients.dns import reverse_name
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
    ("_ntp._udp", 123),
)


def host_records(job: Job) -> tuple[Record, ...]:
    """A or AAAA and PTR for each address of the request."""
    name = f"{job.replica.hostname}."
    records = []
    for text in job.options.ip_addresses:
        address = ip_address(text)
        records.append(Record(name, "A" if address.version == 4 else "AAAA", str(address)))
        if not job.options.no_reverse:
            records.append(Record(reverse_name(str(address)), "PTR", name))
    return tuple(records)


def service_records(job: Job) -> tuple[Record, ...]:
    """By these, clients find the replica."""
    domain, name = job.realm.domain, f"{job.replica.hostname}."
    return tuple(Record(f"{service}.{domain}.", "SRV", f"0 100 {port} {name}") for service, port in SERVICES)
