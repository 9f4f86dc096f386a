"""The FreeIPA backend: what the portal asks of a realm whose own interface and installers do the work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from replicas.backends.freeipa import beforehand, health, installer_options, plan, probing
from replicas.backends.freeipa.access import prove_directory_manager, session
from replicas.backends.freeipa.symptoms import SYMPTOMS
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
from replicas.lifecycle.job import JSON, REALM_OPTIONS, Action, Job
from replicas.lifecycle.steps.host_records import host_records
from replicas.lifecycle.steps.name_server_records import of_request
from replicas.lifecycle.symptoms import gettext_noop
from replicas.together import together

if TYPE_CHECKING:
    from replicas.clients.ssh import Host


class FreeIpaBackend:
    """Realms of FreeIPA 4.9 and later, Red Hat IdM among them (docs/freeipa-realm.md)."""

    kind = "freeipa"
    title = gettext_noop("FreeIPA or Red Hat IdM, 4.9 and later")
    symptoms = SYMPTOMS
    secrets: tuple[PasswordName, ...] = ("admin",)
    serial: frozenset[Action] = frozenset({"install", "dns", "ca", "kra", "reinit", "undo", "remove"})
    """Installers copy keys and whole directories, and rewrite records of all servers: Red Hat allows one at a time."""
    takes_keytab = True
    actions = frozenset(plan.ACTIONS)
    options = frozenset(REALM_OPTIONS)

    def needs(self, action: Action) -> tuple[PasswordName, ...]:
        """Dogtag's installers want the Directory Manager's too, and have no other way to act on their own server."""
        return (*self.secrets, "directory_manager") if action in ("ca", "kra") else self.secrets

    def offered(self, versions: Mapping[str, str], offers: Mapping[str, JSON]) -> frozenset[str]:
        return self.options - installer_options.missing(versions, offers)

    async def register(self, master: Host, passwords: Mapping[str, str]) -> Capabilities:
        """Raises StepError for another kind of host, release or domain level, WrongPassword, FreeIpaError."""
        return await probing.probe(master, passwords["admin"])

    async def prove(self, ctx: Context, name: SecretName) -> None:
        """Admin or the keytab signs in at the master; the Directory Manager binds at the server that needs it."""
        if name == "directory_manager":
            await prove_directory_manager(ctx)
            return
        async with session(ctx):
            return

    async def preflight(self, ctx: Context) -> list[Finding]:
        """The first sign-in is alone: several with a wrong password would lock the account."""
        blocking, advisory, end = beforehand.HINDRANCES, beforehand.ADVICE, deadline()
        names = beforehand.CHECKS[ctx.job.action]
        first = next(name for name in names if name in beforehand.SIGNING_IN)
        found = {first: await finding(ctx, first, blocking, advisory, deadline(0.5))}
        without = beforehand.IN_REALM if found[first].level == "error" else frozenset()
        rest = [name for name in names if name not in (first, *without)]
        findings = await together(*(finding(ctx, name, blocking, advisory, end) for name in rest))
        found |= dict(zip(rest, findings, strict=True))
        return [found[name] for name in names if name in found]

    def steps(self, job: Job) -> tuple[Step, ...]:
        if job.action not in plan.ACTIONS:
            raise StepError(f"The FreeIPA backend has no action {job.action!r}.")
        return plan.ACTIONS[job.action](job)

    def records(self, job: Job) -> tuple[Record, ...]:
        """Those of the host; by which records its services are found, the realm itself says at each look."""
        return host_records(job) + of_request(job)

    async def look(self, ctx: Context) -> Health:
        return await health.look(ctx)
