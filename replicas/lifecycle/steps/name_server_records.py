"""The NS records by which resolvers find a name server of a zone (guide, step 6), in any realm."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Job


def name_server_records(host: str, zones: Iterable[str]) -> tuple[Record, ...]:
    """Return the record of the host in each zone: names are absolute, or they would be relative to the zone."""
    return tuple(Record(f"{zone.rstrip('.')}.", "NS", f"{host.rstrip('.')}.") for zone in zones)


def of_request(job: Job) -> tuple[Record, ...]:
    """Return the record that is known before the realm is asked for its zones; none without a DNS service."""
    serves = job.realm.dns and job.options.setup_dns and not job.options.hidden_replica
    return name_server_records(job.replica.hostname, [job.realm.domain]) if serves else ()
