"""The steps of each action, in order."""

from __future__ import annotations

from collections.abc import Callable

from replicas.backends.freeipa import conncheck
from replicas.backends.freeipa.checks import CLAIM
from replicas.backends.freeipa.realm import ENABLED
from replicas.backends.freeipa.serving import HIDDEN
from replicas.backends.freeipa.steps.check import CheckHosts
from replicas.backends.freeipa.steps.clean_records import CleanRecords
from replicas.backends.freeipa.steps.clear import ClearInterrupted
from replicas.backends.freeipa.steps.dogtag import AddRole, ProveRole
from replicas.backends.freeipa.steps.enrol import EnrolHost
from replicas.backends.freeipa.steps.gone import ProveGone
from replicas.backends.freeipa.steps.leftovers import RemoveLeftovers
from replicas.backends.freeipa.steps.nameserver import InstallNameServer
from replicas.backends.freeipa.steps.prepare import PrepareBundle
from replicas.backends.freeipa.steps.promote import PromoteReplica
from replicas.backends.freeipa.steps.prove import ProveService
from replicas.backends.freeipa.steps.ready import CheckReady
from replicas.backends.freeipa.steps.records import AddHostRecords
from replicas.backends.freeipa.steps.reinitialize import ProveArrives, Reinitialize
from replicas.backends.freeipa.steps.removable import CheckRemovable
from replicas.backends.freeipa.steps.revoke import RevokePassword
from replicas.backends.freeipa.steps.segment import AddSegment, ProveSegment
from replicas.backends.freeipa.steps.vectors import CleanVectors
from replicas.backends.freeipa.steps.verify import UpdateSystemRecords, VerifySystemRecords
from replicas.backends.freeipa.steps.visibility import SetState, VerifyHidden
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import Action, Job
from replicas.lifecycle.steps import ports
from replicas.lifecycle.steps.connection_check import ConnectionCheck
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.name_server_records import of_request
from replicas.lifecycle.steps.remove_bundle import RemoveBundle
from replicas.lifecycle.steps.service_records import service_records
from replicas.lifecycle.steps.transfer import TransferBundle
from replicas.lifecycle.undo import undo as undoing


def install(job: Job) -> tuple[Step, ...]:
    options = job.options
    addresses = job.realm.dns and options.ip_addresses
    return (
        CheckHosts(),
        *((RemoveLeftovers(),) if options.leftovers_reason else ()),
        ClearInterrupted(),
        *((AddHostRecords(host_records(job)),) if addresses else ()),
        PrepareBundle(job),
        TransferBundle(),
        ConnectionCheck(ports.of_conncheck, conncheck.CHECK),
        EnrolHost(job),
        PromoteReplica(job),
        VerifySystemRecords(service_records(job) + of_request(job)),
        ProveService(),
        *(() if options.keep_bundle else (RemoveBundle(),)),
    )


def dns(job: Job) -> tuple[Step, ...]:
    return (CheckReady(), InstallNameServer(), VerifySystemRecords(service_records(job) + of_request(job)))


def records(job: Job) -> tuple[Step, ...]:
    return (UpdateSystemRecords(), VerifySystemRecords(service_records(job) + of_request(job), strict=True))


def role(job: Job) -> tuple[Step, ...]:
    """A CA or a KRA."""
    return (CheckReady(), AddRole(job), ProveRole(job), VerifySystemRecords(service_records(job) + of_request(job)))


def hide(job: Job) -> tuple[Step, ...]:
    return (CheckReady(), SetState(job, HIDDEN), VerifyHidden())


def unhide(job: Job) -> tuple[Step, ...]:
    return (CheckReady(), SetState(job, ENABLED), VerifySystemRecords(service_records(job) + of_request(job)))


def reinitialize(job: Job) -> tuple[Step, ...]:
    return (CheckReady(), Reinitialize(job), ProveArrives())


def segment(job: Job) -> tuple[Step, ...]:
    return (CheckReady(), AddSegment(job), ProveSegment())


def undo(job: Job) -> tuple[Step, ...]:
    records = (CleanRecords(),) if job.realm.dns else ()
    return (*undoing(install(job), CLAIM, job), CleanVectors(), *records, ProveGone())


def remove(job: Job) -> tuple[Step, ...]:
    return (CheckRemovable(), *undo(job))


def revoke(job: Job) -> tuple[Step, ...]:
    return (RevokePassword(), RemoveBundle())


ACTIONS: dict[Action, Callable[[Job], tuple[Step, ...]]] = {
    "install": install,
    "dns": dns,
    "records": records,
    "ca": role,
    "kra": role,
    "hide": hide,
    "unhide": unhide,
    "reinit": reinitialize,
    "segment": segment,
    "undo": undo,
    "remove": remove,
    "revoke": revoke,
}
