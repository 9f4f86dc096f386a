"""Make the replica information file (guide, step 1)."""

from __future__ import annotations

import asyncio
import hashlib

from replicas.backends.native import bundle
from replicas.backends.native.names import CA_FOLDER
from replicas.clients import gpg
from replicas.errors import BundleError
from replicas.lifecycle.base import Context, Step
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.leftovers import discard, sweep_master

FLOOR, SERIALS = "certificate_floor", "certificate_serials"


class PrepareBundle(Step):
    """Issue certificates for the one host, and seal them with all that it needs to become a replica.

    Keys live in the portal's memory and in the bundle only. Certificates of an interrupted attempt are revoked: they
    are those issued to the host since `certificate_floor`. Facts: `certificate_floor`, `certificate_serials`,
    `bundle_sha256`, `bundle_size`. Undo revokes the certificates and removes the bundle. Raises StepError, BundleError.
    """

    key = "prepare-bundle"
    stage = "prepare"
    undo_title = "Revoking the certificates of the replica, and removing the bundle on the master"
    undo_destroys = True

    def __init__(self, job: Job) -> None:
        self.title = f"Preparing replica for {job.replica.hostname} from {job.master.hostname}"

    def touches(self, job: Job) -> list[str]:
        lines = [f"certificate: {order.subject} ({order.label})" for order in bundle.orders(job)]
        if job.options.setup_ca:
            lines.append(f"copied into the bundle: the authority's key {CA_FOLDER}/private/ca.key")
        return [*lines, f"{job.master.hostname}: {job.bundle_path} (mode 0600, root)"]

    def undo_touches(self, job: Job) -> list[str]:
        names = " and ".join(sorted({order.subject for order in bundle.orders(job)}))
        return [
            f"{job.master.hostname}: every certificate that was issued for {names}: revoked, and on the published list",
            f"{job.master.hostname}: {job.bundle_path}",
        ]

    async def done(self, ctx: Context) -> bool:
        digest = ctx.facts.get("bundle_sha256")
        if not digest or not ctx.facts.get(SERIALS):
            return False
        master = await ctx.host("master")
        found = await master.run("sha256sum", "--", ctx.job.bundle_path, check=False)
        return found.status == 0 and found.text.split()[0] == digest

    async def run(self, ctx: Context) -> None:
        master = await ctx.host("master")
        await self._discard(ctx)
        issued = await self._issue(ctx)
        ctx.log("Copying additional files")
        members = {**issued, **await bundle.collect(ctx)}
        ctx.log("Finalizing configuration")
        sealed = await self._seal(ctx, members)
        ctx.log(f"Packaging replica information into {ctx.job.bundle_path}")
        await master.write(ctx.job.bundle_path, sealed, 0o600)
        await self._check(ctx, members, sealed)
        await ctx.fact("bundle_size", len(sealed))
        await ctx.fact("bundle_sha256", hashlib.sha256(sealed).hexdigest())

    async def undo_realm(self, ctx: Context) -> None:
        await discard(ctx, await ctx.host("master"), ctx.job.bundle_path)
        await sweep_master(ctx)
        if not await self._discard(ctx):
            ctx.log(f"{ctx.job.replica.hostname} has no certificate that is valid")

    async def _issue(self, ctx: Context) -> dict[str, bytes]:
        master, members, serials = await ctx.host("master"), dict[str, bytes](), dict[str, str]()
        if FLOOR not in ctx.facts:
            serial = (await master.read(f"{CA_FOLDER}/serial")).decode().strip()
            await ctx.fact(FLOOR, int(serial, 16))
        wanted = bundle.orders(ctx.job)
        for order in wanted:
            ctx.log(order.line)
            if order.label == "dogtag":
                ctx.log("Saving dogtag Directory Server port")
        answers = await asyncio.gather(*(master.python("native_issue", one.payload(ctx.job)) for one in wanted))
        for order, answer in zip(wanted, answers, strict=True):
            ctx.mask(answer["pin"])
            members |= order.members(answer)
            serials[order.label] = answer["serial"]
        await ctx.fact(SERIALS, dict(serials))
        return members

    async def _seal(self, ctx: Context, members: dict[str, bytes]) -> bytes:
        archive = bundle.pack(members)
        return await asyncio.to_thread(gpg.seal, archive, ctx.secret("directory_manager"))

    async def _check(self, ctx: Context, members: dict[str, bytes], sealed: bytes) -> None:
        """Read it back from the master, open it, and compare everything in it. Raises BundleError."""
        master = await ctx.host("master")
        stored = await master.read(ctx.job.bundle_path)
        archive = await asyncio.to_thread(gpg.unseal, stored, ctx.secret("directory_manager"))
        if stored != sealed or bundle.unpack(archive) != members:
            raise BundleError(
                f"{ctx.job.bundle_path} on {master.name} is not what was sealed.",
                "See that its disk is sound.",
            )

    async def _discard(self, ctx: Context) -> bool:
        """Revoke what was issued to the host since the run began, whether or not anybody got to note it."""
        floor = ctx.facts.get(FLOOR)
        if not isinstance(floor, int):
            return False
        payload = {"names": bundle.common_names(ctx.job), "floor": floor, "keep": []}
        answer = await (await ctx.host("master")).python("native_revoke", payload)
        revoked = ", ".join(answer["revoked"])
        if revoked:
            ctx.log(f"Revoked, and on the revocation list: certificates {revoked}")
        return bool(revoked)
