"""How steps reach directories, and what they ask of them in common."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from importlib import resources
from string import Template

from replicas.backends.native.names import DIRECTORY_MANAGER
from replicas.clients.ldap import Directory, LdapRefused, Values
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Role
from replicas.lifecycle.rejections import noting

ALREADY_THERE = 68
NO_SUCH_OBJECT = 32


@contextlib.asynccontextmanager
async def directory(ctx: Context, role: Role) -> AsyncIterator[Directory]:
    """The directory of a host, as Directory Manager over LDAPS. Raises WrongPassword, DirectoryError."""
    endpoint = ctx.job.master if role == "master" else ctx.job.replica
    async with directory_at(ctx, endpoint.hostname, endpoint.address) as bound:
        yield bound


@contextlib.asynccontextmanager
async def directory_at(ctx: Context, hostname: str, address: str) -> AsyncIterator[Directory]:
    """The same of any server of the realm."""
    password = ctx.secret("directory_manager")
    connection = Directory.bind(hostname, address, ctx.job.realm.ca_certificate, DIRECTORY_MANAGER, password)
    async with contextlib.AsyncExitStack() as stack:
        with noting(ctx, "directory_manager"):
            bound = await stack.enter_async_context(connection)
        bound.guard = ctx.check
        yield bound


async def ensure(directory: Directory, dn: str, attributes: Mapping[str, Values | str]) -> None:
    """Add an entry unless it is there."""
    try:
        await directory.add(dn, attributes)
    except LdapRefused as error:
        if error.code != ALREADY_THERE:
            raise


async def delete_tree(directory: Directory, dn: str) -> list[str]:
    """Remove an entry with everything below it; the names of what was there."""
    names = [name for name, _ in await directory.search(dn, "(objectClass=*)", ["cn"])]
    for name in sorted(names, key=len, reverse=True):
        await directory.delete(name)
    return names


async def set_value(directory: Directory, dn: str, attribute: str, *values: str) -> None:
    await directory.modify(dn, ("replace", attribute, values))


def render(template: str, **values: str) -> str:
    """A file of `templates/`, with its ${names} filled in."""
    text = resources.files("replicas.backends.native").joinpath("templates", f"{template}.tmpl").read_text("utf-8")
    return Template(text).substitute(values)
