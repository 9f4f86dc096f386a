"""Open the bundle on the replica, with the password on standard input (guide, step 4)."""

from __future__ import annotations

import ipaddress
from typing import Any

from replicas.errors import BundleError, StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps import sealed

SECONDS = 120.0


async def open_bundle(ctx: Context, **wanted: Any) -> dict[str, Any]:
    """Put what is `wanted` of it in place (hostside/native_open.py); it is in memory meanwhile, and wiped by then.

    Raises WrongPassword, and BundleError for one that was made for another host, is not the one that was sealed, or
    expired before it was opened.
    """
    job, facts = ctx.job, ctx.facts
    sealed.require_usable(ctx)
    if sealed.is_about(facts, sealed.REMOVING):
        # Something is to be made anew after all; its digest is what says that there is a bundle.
        await ctx.fact(sealed.REVOKED, facts[sealed.SHA256])
        raise BundleError(f"{job.bundle_path} was used, and removed from both hosts.", sealed.ANOTHER)
    payload = {
        "path": job.bundle_path,
        "sha256": facts.get(sealed.SHA256, ""),
        "passphrase": ctx.secret("directory_manager"),
        "host": "" if job.options.other_host_reason else job.replica.hostname,
        **wanted,
    }
    replica = await ctx.host("replica")
    return await replica.python("native_open", payload, timeout=SECONDS)


async def refuse_foreign_addresses(ctx: Context) -> None:
    """Raise StepError for an address that no local interface of the replica has."""
    job = ctx.job
    facts = await (await ctx.host("replica")).python("addresses", {})
    local = {ipaddress.ip_address(one["address"]) for one in facts["addresses"]}
    for text in job.options.ip_addresses:
        if ipaddress.ip_address(text) not in local:
            raise StepError(
                f"No interface of {job.replica.hostname} has the address {text}.",
                "Only IP addresses associated with a local interface are accepted: correct the request.",
            )
