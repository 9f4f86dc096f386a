"""How steps reach the realm's own interface."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

from replicas.clients import queries
from replicas.clients.freeipa.session import Session
from replicas.clients.keytab import Keytab
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.rejections import noting

ADMIN = "admin"
DIRECTORY_MANAGER = "cn=Directory Manager"
HTTPS, LDAPS = 443, 636
REACH_SECONDS = 2.0
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
    connection = Session.open(master.hostname, master.address, authority, ADMIN, password, keytab=keytab, port=HTTPS)
    async with contextlib.AsyncExitStack() as stack:
        with noting(ctx, "keytab" if keytab else "admin"):
            opened = await stack.enter_async_context(connection)
        opened.guard = ctx.check
        yield opened


async def prove_directory_manager(ctx: Context) -> None:
    """Bind at the job's own server: the installers of its roles use that account of the server that they run on.

    Raises WrongPassword, DirectoryError.
    """
    server, authority, password = ctx.job.replica, ctx.job.realm.ca_certificate, ctx.secret("directory_manager")
    async with Directory.bind(server.hostname, server.address, authority, DIRECTORY_MANAGER, password, port=LDAPS):
        return


def stored_keytab(ctx: Context) -> Keytab | None:
    """The realm's, if it has one. Raises KeytabError."""
    if not ctx.has("keytab"):
        return None
    return Keytab.read(base64.b64decode(ctx.secret("keytab")), ctx.job.realm.name)


async def address_of(ctx: Context, hostname: str) -> str:
    """Of another server of the realm, as the master finds it; one that the portal reaches, too. Raises StepError."""
    master = await ctx.host("master")
    found = await queries.addresses_of(master, hostname)
    if not found:
        raise StepError(
            f"{master.name} cannot resolve {hostname}.",
            f"See that {hostname} has address records, and that {master.name} asks a name server that knows them "
            f"(getent ahosts {hostname}).",
        )
    return await _reached(list(found))


async def _reached(addresses: list[str]) -> str:
    """The first where something answers; the first where nothing does: what is asked there then tells why."""
    for one in addresses if len(addresses) > 1 else []:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REACH_SECONDS):
                _, writer = await asyncio.open_connection(one, LDAPS)
            writer.close()
            return one
    return addresses[0]
