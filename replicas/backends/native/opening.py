"""Open the bundle on the replica, with the password on standard input (guide, step 4)."""

from __future__ import annotations

import ipaddress
from typing import Any

from replicas.errors import StepError
from replicas.lifecycle.base import Context

SECONDS = 120.0


async def open_bundle(ctx: Context, **wanted: Any) -> dict[str, Any]:
    """Put what is `wanted` of it in place (hostside/native_open.py); it is in memory meanwhile, and wiped by then.

    Raises WrongPassword, and BundleError for one that was made for another host, truncated or foreign.
    """
    job = ctx.job
    payload = {
        "path": job.bundle_path,
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
