"""The steps of each action, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from replicas.backends.native.checks import CLAIM
from replicas.backends.native.records import service_records
from replicas.backends.native.steps.authority import ConfigureAuthority
from replicas.backends.native.steps.check import CheckHosts
from replicas.backends.native.steps.directory import ConfigureDirectory
from replicas.backends.native.steps.enable import EnableServices
from replicas.backends.native.steps.gone import ProveGone
from replicas.backends.native.steps.initialize import Initialize
from replicas.backends.native.steps.nameserver import ConfigureNameServer
from replicas.backends.native.steps.place import OpenBundle
from replicas.backends.native.steps.prepare import PrepareBundle
from replicas.backends.native.steps.prove import ProveService
from replicas.backends.native.steps.removable import CheckRemovable
from replicas.backends.native.steps.revoke import RevokeCertificates
from replicas.backends.native.steps.services import ConfigureKerberos, ConfigureTime, ConfigureWeb
from replicas.backends.native.steps.zone_name_servers import AddNameServerRecords, VerifyReplicaRecords
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import Action, Job
from replicas.lifecycle.steps.connection_check import ConnectionCheck
from replicas.lifecycle.steps.dns_records import AddMissingRecords, AddRecords, InstallRecords
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.name_server_records import of_request
from replicas.lifecycle.steps.remove_bundle import RemoveBundle
from replicas.lifecycle.steps.transfer import TransferBundle
from replicas.lifecycle.undo import undo as undoing


def install(job: Job) -> tuple[Step, ...]:
    options = job.options
    addresses = job.realm.dns and options.ip_addresses
    return (
        CheckHosts(),
        PrepareBundle(job),
        *((AddRecords(host_records(job)),) if addresses else ()),
        TransferBundle(),
        ConnectionCheck(),
        OpenBundle(),
        ConfigureTime(),
        ConfigureDirectory(),
        Initialize(),
        ConfigureKerberos(),
        ConfigureWeb(),
        *((ConfigureAuthority(),) if options.setup_ca else ()),
        *((InstallRecords(service_records(job)),) if job.realm.dns else ()),
        # After the records, so that its copies have them all, and nobody waits for a notification.
        *((ConfigureNameServer(),) if options.setup_dns else ()),
        EnableServices(),
        VerifyReplicaRecords(service_records(job) + of_request(job)),
        ProveService(),
        *(() if options.keep_bundle else (RemoveBundle(),)),
    )


def dns(job: Job) -> tuple[Step, ...]:
    return (ConfigureNameServer(), EnableServices(), VerifyReplicaRecords(service_records(job) + of_request(job)))


def records(job: Job) -> tuple[Step, ...]:
    return (
        AddMissingRecords(service_records(job)),
        *((AddNameServerRecords(),) if of_request(job) else ()),
        VerifyReplicaRecords(service_records(job) + of_request(job), strict=True),
    )


def undo(job: Job) -> tuple[Step, ...]:
    """Everything that a run for this replica can have done, name service that was added later included."""
    everything = replace(job, options=replace(job.options, setup_dns=job.realm.dns))
    return (*undoing(install(everything), CLAIM, job), ProveGone(job.realm.dns))


def remove(job: Job) -> tuple[Step, ...]:
    return (CheckRemovable(), *undo(job))


def revoke(job: Job) -> tuple[Step, ...]:
    return (RevokeCertificates(), RemoveBundle())


ACTIONS: dict[Action, Callable[[Job], tuple[Step, ...]]] = {
    "install": install,
    "dns": dns,
    "records": records,
    "undo": undo,
    "remove": remove,
    "revoke": revoke,
}
