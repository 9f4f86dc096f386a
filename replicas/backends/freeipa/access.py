"""How steps reach the realm's own interface."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context

ADMIN = "admin"
HTTPS = 443
CA_CERTIFICATE = "/etc/ipa/ca.crt"
"""On every server and every client of a realm."""
SERVERS = "ipaservers"
"""The host group whose members may promote themselves."""


@contextlib.asynccontextmanager
async def session(ctx: Context) -> AsyncIterator[Session]:
    """Signed in at the master as admin. Raises WrongPassword and what Session.open raises."""
    job = ctx.job
    async with Session.open(
        job.master.hostname, job.master.address, job.realm.ca_certificate, ADMIN, ctx.secret("admin"), port=HTTPS
    ) as opened:
        opened.guard = ctx.check
        yield opened


async def address_of(ctx: Context, hostname: str) -> str:
    """Of another server of the realm, as the master finds it. Raises StepError."""
    master = await ctx.host("master")
    lines = (await master.run("getent", "ahosts", hostname, check=False)).text.splitlines()
    if not lines:
        raise StepError(f"{master.name} cannot resolve {hostname}.", f"Correct its records, or remove {hostname}.")
    return lines[0].split()[0]
