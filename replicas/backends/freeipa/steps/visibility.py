"""Hide a server from clients, and announce it again."""

from __future__ import annotations

import asyncio
import time

from replicas.backends.freeipa import announcing, realm, records, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.backends.freeipa.steps.verify import MISSING
from replicas.clients.freeipa.errors import Invalid
from replicas.errors import DnsError, StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import REPLICATED_SECONDS
from replicas.lifecycle.steps.service_records import service_records
from replicas.lifecycle.steps.verify_dns import VerifyRecords
from replicas.lifecycle.steps.zones import Placed

POLL_SECONDS = 0.5


class SetState(Step):
    """`server_state`: all roles of the server are hidden or enabled at once, and the realm rewrites its records.

    Fact `proofs`. The other state takes it back. Raises StepError when the realm refuses, FreeIpaError.
    """

    key = "server-state"
    stage = "install"

    def __init__(self, job: Job, state: str) -> None:
        self.state = state
        name = job.replica.hostname
        self.title = f"Hiding {name} from clients" if state == serving.HIDDEN else f"Announcing {name} to clients"

    def touches(self, job: Job) -> list[Touch]:
        name, becomes = job.replica.hostname, "removed" if self.state == serving.HIDDEN else "added"
        return [
            Touch("directory", f"every service of cn={name},cn=masters: {self.state}", job.realm.name),
            Touch("record", f"service records of {name}: {becomes} by the realm", job.realm.name),
        ]

    async def done(self, ctx: Context) -> bool:
        return PROOFS in ctx.facts and await self._settled(ctx)

    async def run(self, ctx: Context) -> None:
        name = ctx.job.replica.hostname
        async with session(ctx) as opened:
            try:
                answer = await opened.call("server_state", name, state=self.state)
            except Invalid as error:
                raise StepError(
                    error.message,
                    f"{name} is the last announced server of a role, or the only one that does something for the "
                    "realm: let another server do that first.",
                ) from error
            ctx.log(f"{name} is {self.state}" if answer.changed else f"{name} was {self.state} already")
            roles = await serving.roles(opened, name)
        self._require(name, roles)
        told = ", ".join(role for role, status in roles.items() if status == self.state)
        await ctx.fact(PROOFS, [f"{self.state.capitalize()} on {name}: {told}."])

    async def _settled(self, ctx: Context) -> bool:
        async with session(ctx) as opened:
            roles = await serving.roles(opened, ctx.job.replica.hostname)
        return roles.get(serving.MASTER) == self.state

    def _require(self, name: str, roles: dict[str, str]) -> None:
        """Raises StepError."""
        other = realm.ENABLED if self.state == serving.HIDDEN else serving.HIDDEN
        if roles.get(serving.MASTER) != self.state or other in roles.values():
            found = ", ".join(f"{role} is {status}" for role, status in roles.items() if status != "absent")
            raise StepError(
                f"{name} is not {self.state} with all that it serves: {found or 'it has no role'}.",
                f"See «ipa server-role-find --server {name}», and try again.",
            )


class VerifyHidden(VerifyRecords):
    """No name server of the realm leads clients to the server any more, and none has lost what all authorities share.

    Fact `missing_records`: none. Where the realm serves no zones, records by which clients may still find it are
    listed. Raises DnsError naming what is still announced, FreeIpaError.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.title = "Verifying that no DNS entry leads to the replica"

    def touches(self, job: Job) -> list[Touch]:
        if not job.realm.dns:
            return []
        return [Touch("read", "service records of every server", job.realm.name), announcing.mended(job)]

    async def run(self, ctx: Context) -> None:
        host = ctx.job.replica.hostname
        placed: tuple[Placed, ...] = ()
        if ctx.job.realm.dns:
            async with session(ctx) as opened:
                if wanted := await records.expected(opened, host, (ctx.job.replica.address,)):
                    raise DnsError(
                        f"{ctx.job.realm.name} still expects records of {host}, such as «{wanted[0]}».",
                        f"See «ipa server-role-find --server {host}», and try again.",
                    )
                asked = records.questions(await records.every(opened))
                placed = await announcing.at_name_servers(ctx, opened, asked)
        if placed:
            await _forgotten(ctx, placed)
            async with session(ctx) as opened:
                await announcing.mend(ctx, opened)
            ctx.log(f"No name server of {ctx.job.realm.name} leads clients to {host}")
        else:
            ctx.log(
                f"No server of {ctx.job.realm.name} serves its zones. Clients find {host} as long as another name "
                "server has records such as:",
                "warning",
            )
            ctx.log("\n".join(str(record) for record in service_records(ctx.job)))
        await ctx.fact(MISSING, [])


async def _forgotten(ctx: Context, placed: tuple[Placed, ...]) -> None:
    """Raises DnsError with what name servers still say after a while."""
    job = ctx.job
    own = records.parsed([job.replica.address])
    end, waiting = time.monotonic() + REPLICATED_SECONDS, False
    while told := (said := await announcing.leading(placed, job.replica.hostname, own)).leads:
        if time.monotonic() > end:
            raise DnsError(
                f"Clients are still led to {job.replica.hostname}: {'; '.join(told)}.",
                "See whether these name servers follow the realm's directory, and try again.",
            )
        if not waiting:
            ctx.log(f"Waiting until name servers have heard of it from the directory: {'; '.join(told)}")
            waiting = True
        await asyncio.sleep(POLL_SECONDS)
    if not said.asked:
        raise DnsError(f"No name server answers: {', '.join(said.silent)}.", "See that one runs, and try again.")
    if said.silent:
        ctx.log(f"Silent, so that it is not known what they would say: {', '.join(said.silent)}", "warning")
