"""The DNS records of a replica."""

from __future__ import annotations

from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import service_records as shared

TIME = ("_ntp._udp", 123)


def service_records(job: Job) -> tuple[Record, ...]:
    """By these, clients find the replica."""
    return shared.service_records(job, (TIME,))
