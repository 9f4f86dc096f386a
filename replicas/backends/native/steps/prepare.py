"""Make the replica information file (guide, step 1)."""

from __future__ import annotations

import secrets

from replicas.backends.native import bundle, lost
from replicas.backends.native.names import CA_FOLDER
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import packing, sealed
from replicas.lifecycle.steps.leftovers import discard, sweep_master
from replicas.together import together

FLOOR, ISSUE = "certificate_floor", "certificate_issue"
REVOKED = "A certificate that is revoked stays revoked."


class PrepareBundle(Step):
    """Issue certificates for the one host, and seal them with all that it needs to become a replica.

    Each certificate is issued once, however often the step is interrupted: the master keeps it in memory, under the
    name that the fact `certificate_issue` has, until the bundle is sealed and noted. What was issued to the host since
    `certificate_floor` and is not kept (the master was rebooted) is revoked, as is everything in a bundle that expired,
    was revoked or is damaged, before another one is sealed. Facts: these, `certificate_serials`, `bundle_expires_at`,
    `bundle_size`, `bundle_sha256`. Undo revokes the certificates and removes the bundle. Raises StepError, BundleError.
    """

    key = "prepare-bundle"
    stage = "prepare"
    undo_title = "Revoking the certificates of the replica, and removing the bundle on the master"
    undo_destroys = True

    def __init__(self, job: Job) -> None:
        self.title = f"Preparing replica for {job.replica.hostname} from {job.master.hostname}"

    def touches(self, job: Job) -> list[Touch]:
        master = job.master.hostname
        found = [Touch("certificate", f"{order.subject} ({order.label})", master) for order in bundle.orders(job)]
        if job.options.setup_ca:
            found.append(Touch("key", f"{CA_FOLDER}/private/ca.key of the authority, copied into the bundle", master))
        end = "kept on both hosts" if job.options.keep_bundle else "removed when the replica is verified"
        life = f"used once, within {job.options.bundle_hours} h, {end}"
        return [*found, Touch("file", f"{job.bundle_path} (mode 0600, root), {life}", master)]

    def lasting(self, job: Job) -> list[str]:
        return ["A certificate that was issued can be revoked, and stays in the authority's list and numbering."]

    def undo_touches(self, job: Job) -> list[Touch]:
        master, subjects = job.master.hostname, sorted({order.subject for order in bundle.orders(job)})
        if job.options.instead_of:
            noted = "what the portal noted is revoked, and on the published list, if the server has an authority"
            return [Touch("certificate", f"{subject}: {noted}", master) for subject in subjects]
        revoked = "every one that was issued is revoked, and on the published list"
        return [
            *(Touch("certificate", f"{subject}: {revoked}", master) for subject in subjects),
            Touch("file", job.bundle_path, master),
        ]

    def undo_lasting(self, job: Job) -> list[str]:
        return [REVOKED, *lost.lasting(job)]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("master", job.bundle_path), ("master", CA_FOLDER)]

    async def done(self, ctx: Context) -> bool:
        return not ctx.facts.get(ISSUE) and await packing.kept(ctx)

    async def run(self, ctx: Context) -> None:
        if not await packing.kept(ctx):
            if ctx.facts.get(sealed.SHA256):
                await self._retire(ctx)
            await self._make(ctx)
        await forget(ctx)

    async def undo_realm(self, ctx: Context) -> None:
        if ctx.job.options.instead_of:
            await lost.revoke(ctx)
            await ctx.fact(ISSUE, "")
            return
        await discard(ctx, await ctx.host("master"), ctx.job.bundle_path)
        await sweep_master(ctx)
        await forget(ctx)
        if not await revoke(ctx):
            ctx.log(f"{ctx.job.replica.hostname} has no certificate that is valid")

    async def _retire(self, ctx: Context) -> None:
        """End the bundle that was sealed before; interrupted, it is done again, as its digest is forgotten last."""
        ctx.log("The bundle that was sealed before is not usable any more; another one takes its place", "warning")
        await revoke(ctx)
        await forget(ctx)
        for role in ("master", "replica"):
            await (await ctx.host(role)).remove(ctx.job.bundle_path)
        await ctx.fact(sealed.SHA256, "")

    async def _make(self, ctx: Context) -> None:
        issued = await self._issue(ctx)
        ctx.log("Copying additional files")
        members = {**issued, **await bundle.collect(ctx)}
        ctx.log("Finalizing configuration")
        await packing.store(ctx, members, ctx.secret("directory_manager"))

    async def _issue(self, ctx: Context) -> dict[str, bytes]:
        master, members, serials = await ctx.host("master"), dict[str, bytes](), dict[str, str]()
        await self._intend(ctx)
        wanted = bundle.orders(ctx.job)
        for order in wanted:
            ctx.log(order.line)
            if order.label == "dogtag":
                ctx.log("Saving dogtag Directory Server port")
        name = str(ctx.facts[ISSUE])
        answers = await together(*(master.python("native_issue", one.payload(ctx.job, name)) for one in wanted))
        for order, answer in zip(wanted, answers, strict=True):
            ctx.mask(answer["pin"])
            members |= order.members(answer)
            serials[order.label] = answer["serial"]
        await ctx.fact(sealed.SERIALS, dict(serials))
        return members

    async def _intend(self, ctx: Context) -> None:
        """Name the issue and note where its serial numbers begin, before there is any; later, revoke what was lost."""
        master, again = await ctx.host("master"), bool(ctx.facts.get(ISSUE))
        if FLOOR not in ctx.facts:
            serial = (await master.read(f"{CA_FOLDER}/serial")).decode().strip()
            await ctx.fact(FLOOR, int(serial, 16))
        if not again:
            await ctx.fact(ISSUE, secrets.token_hex(8))
        await master.python("native_begin", {"issue": ctx.facts[ISSUE]})
        if again:
            await revoke(ctx, but=str(ctx.facts[ISSUE]))


async def revoke(ctx: Context, but: str = "") -> bool:
    """Revoke what was issued to the host since the run began, noted or not, and publish it; the issue `but` stays.

    Tells whether anything was left to revoke.
    """
    floor = ctx.facts.get(FLOOR)
    if not isinstance(floor, int):
        return False
    payload = {"names": bundle.common_names(ctx.job), "floor": floor, "issue": but}
    answer = await (await ctx.host("master")).python("native_revoke", payload)
    revoked = ", ".join(answer["revoked"])
    if revoked:
        ctx.log(f"Revoked, and on the revocation list: certificates {revoked}")
    return bool(revoked)


async def forget(ctx: Context) -> None:
    """Wipe what the master kept: it is sealed and noted, or nobody wants it any more."""
    if issue := ctx.facts.get(ISSUE):
        await (await ctx.host("master")).python("native_forget", {"issue": issue})
        await ctx.fact(ISSUE, "")
