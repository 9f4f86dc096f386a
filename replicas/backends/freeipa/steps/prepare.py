"""Make the host known to the realm, and seal what it needs to join."""

from __future__ import annotations

from replicas.backends.freeipa import bundle, leftovers, uploaded
from replicas.backends.freeipa.access import SERVERS, session
from replicas.clients.freeipa.errors import Duplicate, MembersRefused, NotFound
from replicas.clients.freeipa.session import Session
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import packing, sealed
from replicas.lifecycle.steps.leftovers import discard, sweep_master

HOST_ADDED = "host_added"
"""Fact: this run made the host's entry, noted before it does; one that was there before stays when it is undone."""


MEMBER_ADDED, MEMBER_BEFORE = "member_added", "member_before"
"""Facts: this run made the host a member of those that may promote themselves, noted likewise; it was one already."""


class PrepareBundle(Step):
    """A host entry with a one-time password, a place among the hosts that may promote themselves, and the bundle.

    Each bundle has a one-time password of its own, and with it the one before is void. Facts: `host_added`,
    `member_added`, `member_before`, `bundle_expires_at`, `bundle_size`, `bundle_sha256`. Undo removes entry and bundle.
    Raises StepError (the host is enrolled), FreeIpaError, BundleError.
    """

    key = "prepare-bundle"
    stage = "prepare"
    undo_title = "Removing the host from the realm, and the bundle on the master"

    def __init__(self, job: Job) -> None:
        self.title = f"Preparing replica for {job.replica.hostname} from {job.master.hostname}"

    def touches(self, job: Job) -> list[Touch]:
        host, master = job.replica.hostname, job.master.hostname
        end = "kept on both hosts" if job.options.keep_bundle else "removed when the replica is verified"
        life = f"used once, within {job.options.bundle_hours} h, {end}"
        return [
            Touch("directory", f"host {host} with a random one-time password", job.realm.name),
            Touch("directory", f"{host}, member of the host group {SERVERS}", job.realm.name),
            *(
                Touch("key", f"the uploaded {name.replace('_', ' ')} with its key, sealed in the bundle", master)
                for name, _ in uploaded.chosen(job.options)
            ),
            Touch("file", f"{job.bundle_path} (mode 0600, root), {life}", master),
        ]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [
            Touch("directory", f"host {job.replica.hostname}", job.realm.name),
            *([] if job.options.instead_of else [Touch("file", job.bundle_path, job.master.hostname)]),
        ]

    def undo_lasting(self, job: Job) -> list[str]:
        if not (lost := job.options.instead_of):
            return []
        return [f"{lost} is left out: the bundle on it stays, and it must not come back before it is removed itself."]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("master", job.bundle_path)]

    async def done(self, ctx: Context) -> bool:
        return await packing.kept(ctx)

    async def run(self, ctx: Context) -> None:
        # Before anything is changed, as they may be missing.
        certificates = uploaded.members(ctx)
        if ctx.facts.get(sealed.SHA256):
            ctx.log("The bundle that was sealed before is not usable any more; another one takes its place", "warning")
            for role in ("master", "replica"):
                await (await ctx.host(role)).remove(ctx.job.bundle_path)
            await ctx.fact(sealed.SHA256, "")
        async with session(ctx) as opened:
            password = await invite(ctx, opened)
        members = bundle.members(ctx.job, password, certificates)
        await packing.store(ctx, members, ctx.secret("admin"))

    async def undo_realm(self, ctx: Context) -> None:
        if lost := ctx.job.options.instead_of:
            ctx.log(f"Left out on {lost}, which is worked without: {ctx.job.bundle_path}", "warning")
        else:
            await discard(ctx, await ctx.host("master"), ctx.job.bundle_path)
            await sweep_master(ctx)
        async with session(ctx) as opened:
            await uninvite(ctx, opened)


async def invite(ctx: Context, opened: Session) -> str:
    """Let the host join and promote itself; a new one-time password, masked in the log. Raises FreeIpaError."""
    name = ctx.job.replica.hostname
    entry = await leftovers.host(opened, name)
    if entry and entry.get("has_keytab"):
        raise StepError(
            f"{name} is enrolled in {ctx.job.realm.name} already, so it gets no one-time password.",
            f"{name} may be in service: then choose another host. If this run enrolled it, undo the installation. Only "
            f"for a host that no longer exists: ipa host-del {name}.",
        )
    if entry is None:
        await ctx.fact(HOST_ADDED, True)
        ctx.log(f"Adding the host {name} with a one-time password")
    else:
        ctx.log(f"The host {name} is known; it gets a new one-time password")
    password = await _password(opened, name, new=entry is None)
    ctx.mask(password)
    if SERVERS not in (entry or {}).get("memberof_hostgroup", ()):
        await ctx.fact(MEMBER_ADDED, True)
    elif not ctx.facts.get(MEMBER_ADDED):
        await ctx.fact(MEMBER_BEFORE, True)
    joined = await opened.members("hostgroup_add_member", SERVERS, host=[name])
    ctx.log(f"{name} {'is now' if joined else 'was already'} a member of {SERVERS}")
    return password


async def _password(opened: Session, name: str, new: bool) -> str:
    """The realm makes it up, and tells it once. Without an address in the DNS yet, a host is added all the same."""
    if new:
        try:
            answer = await opened.call("host_add", name, random=True, force=True)
        except Duplicate:  # what was sent by an attempt that was cut off
            answer = await opened.call("host_mod", name, random=True)
    else:
        answer = await opened.call("host_mod", name, random=True)
    return str(answer.value["randompassword"])


async def uninvite(ctx: Context, opened: Session) -> None:
    """The host can neither join nor promote itself any more; the entry goes if this portal made it."""
    name = ctx.job.replica.hostname
    if not ctx.facts.get(MEMBER_BEFORE):
        await _leave(ctx, opened)
    entry = await leftovers.host(opened, name)
    if entry is None:
        ctx.log(f"{ctx.job.realm.name} has no host {name}")
    elif await leftovers.server(opened, name):
        # Its password is used up, and the realm keeps the host of a server.
        ctx.log(f"{name} is a server of {ctx.job.realm.name}: its host entry goes with the server")
    elif ctx.facts.get(HOST_ADDED):
        await opened.call("host_del", name)
        ctx.log(f"Removed the host {name} from {ctx.job.realm.name}")
    else:
        if entry.get("has_keytab") or entry.get("has_password"):
            # A new one that nobody learns makes the one in the bundle worthless.
            await _forget_password(opened, name, bool(entry.get("has_keytab")))
        ctx.log(f"The host {name} was in {ctx.job.realm.name} before, and stays")


async def _leave(ctx: Context, opened: Session) -> None:
    name = ctx.job.replica.hostname
    try:
        left = await opened.members("hostgroup_remove_member", SERVERS, host=[name])
    except (MembersRefused, NotFound):
        left = False
    if left:
        ctx.log(f"{name} is no member of {SERVERS} any more")


async def _forget_password(opened: Session, name: str, enrolled: bool) -> None:
    if enrolled:
        await opened.call("host_disable", name)
    else:
        await opened.call("host_mod", name, random=True)
