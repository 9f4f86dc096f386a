"""The DNS records of a host itself, in any realm."""

from __future__ import annotations

from ipaddress import ip_address

from replicas.clients.dns import reverse_name
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Job


def host_records(job: Job) -> tuple[Record, ...]:
    """A or AAAA and, unless the request says otherwise, PTR for each address of the request."""
    name = f"{job.replica.hostname}."
    records = []
    for text in job.options.ip_addresses:
        address = ip_address(text)
        records.append(Record(name, "A" if address.version == 4 else "AAAA", str(address)))
        if not job.options.no_reverse:
            records.append(Record(reverse_name(str(address)), "PTR", name))
    return tuple(records)
