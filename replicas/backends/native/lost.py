"""Taking a replica back without the master that it was made from: what another server can do in its place."""

from __future__ import annotations

from replicas.backends.native import bundle
from replicas.backends.native.names import CA_FOLDER
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import JSON, Job
from replicas.lifecycle.steps import sealed


def lasting(job: Job) -> list[str]:
    """What stays, in the plan of a removal that works without the replica's own master."""
    if not (lost := job.options.instead_of):
        return []
    master, host = job.master.hostname, job.replica.hostname
    found = [
        f"{lost} is left out: it keeps the bundle, and its agreement with {host}. It must not come back before it is "
        "removed from the realm itself.",
        f"Certificates that {lost} issued and the portal did not note are not revoked, and none is if {master} has no "
        "authority.",
    ]
    if job.realm.dns:
        found.append(f"Records in zones that only {lost} can change stay, until another server is made their primary.")
    return found


async def revoke(ctx: Context) -> None:
    """Have the job's master revoke what the lost one issued, by the serial numbers that were noted.

    Raises StepError.
    """
    lost, known = ctx.job.options.instead_of, _noted(ctx)
    ctx.log(f"Left out on {lost}, which is worked without: {ctx.job.bundle_path}", "warning")
    if not known:
        ctx.log(f"No certificate of {ctx.job.replica.hostname} was noted")
        return
    numbers = ", ".join(one["serial"] for one in known)
    if not await _has_authority(ctx):
        ctx.log(f"{ctx.job.master.hostname} has no authority: certificates {numbers} are not revoked", "warning")
        return
    listed: list[JSON] = [dict(one) for one in known]
    await (await ctx.host("master")).python("native_disown", {"known": listed})
    ctx.log(f"Revoked on {ctx.job.master.hostname} in the place of {lost}, and on its list: certificates {numbers}")


async def unlisted(ctx: Context) -> list[str]:
    """Serial numbers (hex) that were noted and are not on the list of the job's master; none without an authority."""
    known = _noted(ctx)
    if not known or not await _has_authority(ctx):
        return []
    answer = await (await ctx.host("master")).python("native_issued", {"names": [], "floor": 0, "listed": True})
    there = {int(serial, 16) for serial in answer["listed"]}
    return [one["serial"] for one in known if int(one["serial"], 16) not in there]


async def proofs(ctx: Context) -> list[str]:
    """What can be said of the certificates, a sentence each."""
    lost, master, host = ctx.job.options.instead_of, ctx.job.master.hostname, ctx.job.replica.hostname
    found = [f"{lost} itself was not looked at: the realm was worked on without it."]
    if await _has_authority(ctx):
        return [*found, f"{master}: the certificates of {host} that were noted are on its revocation list."]
    return [*found, f"{master} has no authority: no certificate of {host} was revoked."]


def _noted(ctx: Context) -> list[dict[str, str]]:
    """Serial number (hex) and subject of each certificate in the bundle that was sealed last."""
    serials = ctx.facts.get(sealed.SERIALS)
    known = serials if isinstance(serials, dict) else {}
    orders = (one for one in bundle.orders(ctx.job) if one.label in known)
    return [{"serial": str(known[one.label]), "subject": one.subject} for one in orders]


async def _has_authority(ctx: Context) -> bool:
    return await (await ctx.host("master")).exists(f"{CA_FOLDER}/private/ca.key")
