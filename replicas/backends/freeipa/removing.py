"""Taking a server out of the realm: its entry, and what the topology plugin leaves behind."""

from __future__ import annotations

import asyncio
import time

from replicas.backends.freeipa import hiding, leftovers, realm
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.steps.removable import KEY_MASTER, others_connected
from replicas.clients.freeipa.errors import DatabaseRefused, NotFound, RemovalRefused
from replicas.clients.freeipa.session import Session
from replicas.lifecycle.base import Context

SEGMENTS_SECONDS, POLL_SECONDS = 20.0, 1.0
DISCONNECTS = "disconnects topology"
"""Words of the directory's topology plugin, for which the realm has no code of its own."""
WAS_SERVER = "was_server"
"""Fact: the realm had a server of that name, or its installer was started; so it may have written records of it."""


async def remove_server(ctx: Context) -> None:
    """`server_del`, if there is one, and the segments that stay behind.

    Raises RemovalRefused, and DatabaseRefused for a segment, with what to do about it; FreeIpaError.
    """
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        if await leftovers.server(opened, name) is None:
            ctx.log(f"{ctx.job.realm.name} has no server {name}")
        else:
            await ctx.fact(WAS_SERVER, True)
            await _delete(ctx, opened, name)
        for suffix, segment in await _left(opened, name):
            await _delete_segment(ctx, opened, suffix, segment)


async def _delete(ctx: Context, opened: Session, name: str) -> None:
    try:
        try:
            answer = await opened.call("server_del", name)
        except RemovalRefused as error:
            if not (_of_topology(error.message) and await _spared(opened, name)):
                raise
            # One that has no segment, half installed, is what keeps the topology from being connected.
            answer = await opened.call("server_del", name, ignore_topology_disconnect=True)
    except NotFound:
        ctx.log(f"{ctx.job.realm.name} has no server {name} any more")
    except RemovalRefused as error:
        raise RemovalRefused(error.message, error.code, refused(error.message, name)) from error
    else:
        # A clean-up that failed in part is no error to the realm: the server is gone all the same.
        for text in answer.warnings:
            ctx.log(text, "warning")
        ctx.log(f"Removed the server {name}; the realm itself cleans its ids out of the update vectors")


async def _spared(opened: Session, name: str) -> bool:
    """Whether the other servers replicate with each other without it."""
    segments = await realm.segments(opened, await realm.suffixes(opened))
    return others_connected(name, await realm.servers(opened), segments)


async def _left(opened: Session, name: str) -> tuple[tuple[str, str], ...]:
    """Segments that the topology plugin has not dropped by itself after a moment."""
    end = time.monotonic() + SEGMENTS_SECONDS
    while True:
        left = await leftovers.segments(opened, name)
        if not left or time.monotonic() > end:
            return left
        await asyncio.sleep(POLL_SECONDS)


async def _delete_segment(ctx: Context, opened: Session, suffix: str, segment: str) -> None:
    try:
        await opened.call("topologysegment_del", suffix, segment)
    except NotFound:
        return
    except DatabaseRefused as error:
        if DISCONNECTS not in error.message:
            raise
        raise DatabaseRefused(error.message, error.code, kept(suffix, ctx.job.replica.hostname)) from error
    ctx.log(f"Removed the {suffix} segment {segment}")


def _of_topology(message: str) -> bool:
    return "topology" in message.lower() or "disconnect" in message.lower()


def kept(suffix: str, name: str) -> str:
    """What to do about a segment of the removed server without which its two ends would not reach each other."""
    return (
        f"As a rule the realm drops the segments of {name} by itself once its servers replicate: see that they do "
        f"(ipa topologysuffix-verify {suffix}), connect those that only {name} joined, then try again."
    )


def refused(message: str, name: str) -> str:
    """What to do about the two reasons for which a realm keeps a server."""
    if "dnssec" in message.lower():
        return hiding.ALONE[KEY_MASTER][1]
    if _of_topology(message):
        return f"Connect the servers that {name} joins with each other first: add a segment between them."
    return f"{name} is the last server with a role that the realm needs: set that role up on another server first."
