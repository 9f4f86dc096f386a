"""How steps reach the realm's own interface."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator

from replicas.clients.freeipa.session import Session
from replicas.clients.keytab import Keytab
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
    """Signed in at the master as admin, or by the realm's keytab where it has one.

    Raises WrongPassword, WrongKeytab among them, KeytabError, and what Session.open raises.
    """
    master, authority = ctx.job.master, ctx.job.realm.ca_certificate
    keytab = stored_keytab(ctx)
    password = "" if keytab else ctx.secret("admin")
    async with Session.open(
        master.hostname, master.address, authority, ADMIN, password, keytab=keytab, port=HTTPS
    ) as opened:
        opened.guard = ctx.check
        yield opened


def stored_keytab(ctx: Context) -> Keytab | None:
    """The realm's, if it has one. Raises KeytabError."""
    if not ctx.has("keytab"):
        return None
    return Keytab.read(base64.b64decode(ctx.secret("keytab")), ctx.job.realm.name)


async def address_of(ctx: Context, hostname: str) -> str:
    """Of another server of the realm, as the master finds it. Raises StepError."""
    master = await ctx.host("master")
    lines = (await master.run("getent", "ahosts", hostname, check=False)).text.splitlines()
    if not lines:
        raise StepError(f"{master.name} cannot resolve {hostname}.", f"Correct its records, or remove {hostname}.")
    return lines[0].split()[0]
