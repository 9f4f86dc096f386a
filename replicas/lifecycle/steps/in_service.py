"""Whether a server of the replica's name is in service: then nothing of it is to be removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from replicas.clients import queries
from replicas.errors import StepError
from replicas.lifecycle.base import Context

DIRECTORY = (389, 636)
SERVER = (*DIRECTORY, 443)
SPARE = (
    "Choose another host name. If that server is not needed any more, remove it from the realm first: a replica that "
    "is in the portal's list is removed there."
)


async def answering(ctx: Context, ports: Sequence[int], without: Collection[str] = ()) -> str:
    """Return which address of the replica's name answers on which port, as the master sees it; empty if none does.

    Raises HostError, StepError.
    """
    job, master = ctx.job, await ctx.host("master")
    addresses = set(await queries.addresses_of(master, job.replica.hostname)) - set(without)
    if not addresses:
        return ""
    payload = {
        "host": job.replica.hostname,
        "addresses": sorted(addresses),
        "realm": job.realm.name,
        "zone": job.realm.domain,
        "ca": job.realm.ca_certificate,
        "seconds": 2.0,
        "checks": [{"port": port, "protocol": "tcp", "kind": "connect"} for port in ports],
    }
    results = (await master.python("probe", payload))["results"]
    return next((f"{one['address']} answers on port {one['port']}" for one in results if one["ok"]), "")


async def spare(ctx: Context, error: StepError) -> StepError:
    """Return the error about entries of that name, without advice to remove them when a directory answers there."""
    if answer := await answering(ctx, DIRECTORY):
        return StepError(f"{error.message} This server is in service: {answer}.", SPARE)
    return error
