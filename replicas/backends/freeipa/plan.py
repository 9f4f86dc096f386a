"""The steps of each action, in order."""

from __future__ import annotations

from replicas.backends.freeipa import conncheck
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.steps.check import CheckHosts
from replicas.backends.freeipa.steps.clear import ClearInterrupted
from replicas.backends.freeipa.steps.enrol import EnrolHost
from replicas.backends.freeipa.steps.gone import ProveGone
from replicas.backends.freeipa.steps.nameserver import InstallNameServer
from replicas.backends.freeipa.steps.prepare import PrepareBundle
from replicas.backends.freeipa.steps.promote import PromoteReplica
from replicas.backends.freeipa.steps.prove import ProveService
from replicas.backends.freeipa.steps.records import AddHostRecords
from replicas.backends.freeipa.steps.removable import CheckRemovable
from replicas.backends.freeipa.steps.revoke import RevokePassword
from replicas.backends.freeipa.steps.vectors import CleanVectors
from replicas.backends.freeipa.steps.verify import UpdateSystemRecords, VerifySystemRecords
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import ports
from replicas.lifecycle.steps.connection_check import ConnectionCheck
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.remove_bundle import RemoveBundle
from replicas.lifecycle.steps.service_records import service_records
from replicas.lifecycle.steps.transfer import TransferBundle
from replicas.lifecycle.undo import undo as undoing


def install(job: Job) -> tuple[Step, ...]:
    options = job.options
    addresses = job.realm.dns and options.ip_addresses
    return (
        CheckHosts(),
        ClearInterrupted(),
        *((AddHostRecords(host_records(job)),) if addresses else ()),
        PrepareBundle(job),
        TransferBundle(),
        ConnectionCheck(ports.of_conncheck, conncheck.CHECK),
        EnrolHost(job),
        PromoteReplica(job),
        VerifySystemRecords(service_records(job)),
        ProveService(),
        *(() if options.keep_bundle else (RemoveBundle(),)),
    )


def dns(job: Job) -> tuple[Step, ...]:
    return (InstallNameServer(), VerifySystemRecords(service_records(job)))


def records(job: Job) -> tuple[Step, ...]:
    return (UpdateSystemRecords(), VerifySystemRecords(service_records(job), strict=True))


def undo(job: Job) -> tuple[Step, ...]:
    return (*undoing(install(job), CLAIM), CleanVectors(), ProveGone())


def remove(job: Job) -> tuple[Step, ...]:
    return (CheckRemovable(), *undo(job))


def revoke(job: Job) -> tuple[Step, ...]:
    return (RevokePassword(), RemoveBundle())


ACTIONS = {"install": install, "dns": dns, "records": records, "undo": undo, "remove": remove, "revoke": revoke}
