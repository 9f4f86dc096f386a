"""Opening the bundle on the replica's host, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicas.errors import BundleError, StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps import sealed

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

OPEN_SECONDS = 120.0


async def open_bundle(ctx: Context, folder: str) -> None:
    """Put its content into the new folder (0700), which must be in /run.

    Fact `bundle_opened`. Raises WrongPassword, BundleError, StepError.
    """
    job, facts, replica = ctx.job, ctx.facts, await ctx.host("replica")
    sealed.require_usable(ctx)
    if sealed.is_about(facts, sealed.REMOVING):
        raise BundleError(f"{job.bundle_path} was used, and removed from both hosts.", sealed.ANOTHER)
    payload = {
        "path": job.bundle_path,
        "sha256": facts.get(sealed.SHA256, ""),
        "passphrase": ctx.secret("admin"),
        "host": "" if job.options.other_host_reason else job.replica.hostname,
        "target": folder,
    }
    await replica.python("freeipa_open", payload, timeout=OPEN_SECONDS)
    await ctx.fact(sealed.OPENED, facts.get(sealed.SHA256))


async def interpreter(host: Host, program: str) -> str:
    """The Python that a program of the host runs under, by its first line: it has FreeIPA's modules."""
    first = (await host.read(program)).split(b"\n", 1)[0].decode("utf-8", "replace")
    words = first.removeprefix("#!").split()
    if not first.startswith("#!") or not words or "python" not in words[0]:
        raise StepError(
            f"{program} on {host.name} is not a Python program, as FreeIPA's is.", "See which package it is from."
        )
    return words[0]
