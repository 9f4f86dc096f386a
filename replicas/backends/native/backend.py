"""The native backend: what the portal asks of a realm that it serves all by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from replicas.backends.native import beforehand, health, plan, probing, records
from replicas.backends.native.access import directory
from replicas.backends.native.symptoms import SYMPTOMS
from replicas.clients import kerberos
from replicas.errors import StepError
from replicas.lifecycle.base import (
    Capabilities,
    Context,
    Finding,
    Health,
    PasswordName,
    Record,
    SecretName,
    Step,
)
from replicas.lifecycle.findings import deadline, finding
from replicas.lifecycle.job import JSON, Action, Job
from replicas.lifecycle.steps.connection_check import ADMIN
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.name_server_records import of_request
from replicas.lifecycle.symptoms import gettext_noop
from replicas.together import together

if TYPE_CHECKING:
    from replicas.clients.ssh import Host


class NativeBackend:
    """Realms of 389 Directory Server, MIT Kerberos, BIND, Apache and chrony (docs/native-realm.md)."""

    kind = "native"
    title = gettext_noop("389 Directory Server, MIT Kerberos and BIND")
    symptoms = SYMPTOMS
    secrets: tuple[PasswordName, ...] = ("directory_manager", "admin")
    serial: frozenset[Action] = frozenset()
    takes_keytab = False
    actions = frozenset(plan.ACTIONS)
    options: frozenset[str] = frozenset()

    def offered(self, versions: Mapping[str, str], offers: Mapping[str, JSON]) -> frozenset[str]:
        return self.options

    def needs(self, action: Action) -> tuple[PasswordName, ...]:
        return self.secrets

    async def register(self, master: Host, passwords: Mapping[str, str]) -> Capabilities:
        """Raises StepError when the host is not a master of such a realm, WrongPassword, DirectoryError."""
        found = await probing.probe(master)
        await probing.prove(master, found.ca_certificate, passwords["directory_manager"])
        return found

    async def prove(self, ctx: Context, name: SecretName) -> None:
        """The Directory Manager binds at the master; admin gets a ticket from its KDC."""
        if name == "directory_manager":
            async with directory(ctx, "master"):
                return
        master, realm = await ctx.host("master"), ctx.job.realm.name
        await kerberos.prove(master, ADMIN, ctx.secret(name), realm, (ctx.job.master.address,))

    async def preflight(self, ctx: Context) -> list[Finding]:
        blocking, advisory, end = beforehand.HINDRANCES, beforehand.ADVICE, deadline()
        names = beforehand.CHECKS[ctx.job.action]
        return await together(*(finding(ctx, name, blocking, advisory, end) for name in names))

    def steps(self, job: Job) -> tuple[Step, ...]:
        if job.action not in plan.ACTIONS:
            raise StepError(f"The native backend has no action {job.action!r}.")
        return plan.ACTIONS[job.action](job)

    def records(self, job: Job) -> tuple[Record, ...]:
        return host_records(job) + records.service_records(job) + of_request(job)

    async def look(self, ctx: Context) -> Health:
        return await health.look(ctx)
