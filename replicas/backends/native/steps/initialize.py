"""Agreements both ways, and the initialization of the replica (guide, step 4)."""

from __future__ import annotations

import asyncio
import secrets
import time

from replicas.backends.native.access import delete_tree, directory, ensure, set_value
from replicas.backends.native.names import CONFIGURED, REPLICATION_MANAGER, Names
from replicas.backends.native.steps.directory import REPLICA_ID
from replicas.backends.native.topology import cut_off, remaining
from replicas.backends.native.units import force_restart
from replicas.clients import replication
from replicas.clients.ldap import Directory
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import update_vectors
from replicas.lifecycle.steps.wording import duration
from replicas.together import together

MARK = "initialized"
SENT = "sent"
BASE = "operations_before"
POLL_SECONDS = 0.1
STALLED_SECONDS, STALLED_SECONDS_PER_ENTRY = 60.0, 0.001
"""Nothing arrives while the replica writes its indexes at the end, which takes longer the more there is."""
WINDOW_SECONDS, LEAST_A_SECOND = 5.0, 3
REPLICA_TIMEOUT_SECONDS = 120
ATTEMPTS = 2
TRIM_SECONDS = "300"
"""The server's default, from now on (replicas/backends/native/steps/directory.py)."""
FLOW_WINDOW, FLOW_PAUSE_MS = "1000", "20"
LOST = "Error (-"
"""Negative codes are those of the LDAP library for connections that broke: the other host went down, say."""
STATUS = ("nsds5replicaLastInitStatus", "nsds5BeginReplicaRefresh")


class Pace:
    """When something was last sent in earnest: the replica's counter also goes up when the master only tries again."""

    def __init__(self, now: float) -> None:
        self.moved = self._begun = now
        self._sent = 0

    def note(self, sent: int, now: float) -> None:
        """So many entries by now (seconds of a monotonic clock)."""
        seconds = now - self._begun
        if seconds >= WINDOW_SECONDS:
            if sent - self._sent >= LEAST_A_SECOND * seconds:
                self.moved = now
            self._begun, self._sent = now, sent


class Stalled(StepError):
    """Nothing moves any more, and neither server says why."""


class Initialize(Step):
    """The master's agreement sends the whole directory over StartTLS; then the replica gets one of its own.

    Each direction has a random password that exists only in the two servers. Fact `initialized`: seconds it took;
    `sent`: the replica has everything; `operations_before`: what it had done before it received anything. The servers
    go on by themselves when the portal does not: an attempt that takes over follows what is under way. When nothing
    moves any more, the replica's server is started anew, as it serves nobody yet, and everything is sent again, once.
    A replica that loses its power right after it received everything may begin a database of its own, with which no
    server replicates: then everything is sent again as well, also by a retry that comes later.
    Undo removes every server's agreement with the replica and the replica's manager, the entry among the masters, and
    the replica id from every update vector; the replica's own agreement goes with its instance. Raises StepError with
    the server's own words when the initialization fails.
    """

    key = "initialize"
    title = "Setting up initial replication"
    stage = "initialize"
    undo_title = "Ending replication with the replica, and cleaning the update vectors (CLEANALLRUV)"

    def touches(self, job: Job) -> list[Touch]:
        names, master, replica = Names(job), job.master.hostname, job.replica.hostname
        return [
            Touch("agreement", names.to_replica, master),
            Touch("agreement", names.to_master, replica),
            Touch("directory", names.replica_manager, master),
            Touch("directory", names.master_entry, job.realm.name),
            Touch("directory", f"everything below {job.realm.suffix}, sent by {master}", replica),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [f"{job.replica.hostname} gets every entry of {job.realm.name}, password hashes and keys among them."]

    def undo_touches(self, job: Job) -> list[Touch]:
        names, realm = Names(job), job.realm.name
        return [
            Touch("agreement", f"with {job.replica.hostname}, on every server", realm),
            Touch("directory", names.replica_manager, job.master.hostname),
            Touch("directory", names.master_entry, realm),
            Touch("directory", "the replica id in every update vector, and its keep-alive entry", realm),
        ]

    async def done(self, ctx: Context) -> bool:
        if MARK not in ctx.facts:
            return False
        names = Names(ctx.job)
        async with directory(ctx, "master") as master, directory(ctx, "replica") as replica:
            there = await together(
                master.get(names.to_replica, ["cn"]),
                replica.get(names.to_master, ["cn"]),
                replica.get(names.master_entry, ["cn"]),
            )
            return None not in there and await self._has_the_data(ctx, master, replica)

    async def _has_the_data(self, ctx: Context, master: Directory, replica: Directory) -> bool:
        return await replication.same_database(ctx.job.realm.suffix, master, replica)

    async def run(self, ctx: Context) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._initialize(ctx)
                break
            except Stalled as error:
                if attempt == ATTEMPTS:
                    raise
                unit = Names(ctx.job).unit
                ctx.log(f"{error.message} Starting {unit} on {ctx.job.replica.hostname} anew, and again.", "warning")
                await force_restart(ctx, unit)
                await self._ended(ctx)

    async def _ended(self, ctx: Context) -> None:
        """Until the master has noticed, if it does: one whose agreement is removed in the middle may crash."""
        end = time.monotonic() + REPLICA_TIMEOUT_SECONDS
        async with directory(ctx, "master") as master:
            while time.monotonic() < end:
                entry = await master.get(Names(ctx.job).to_replica, STATUS) or {}
                if not entry.get(STATUS[1]) and "in progress" not in "".join(entry.get(STATUS[0], [])):
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def _initialize(self, ctx: Context) -> None:
        names, started = Names(ctx.job), time.monotonic()
        async with directory(ctx, "master") as master, directory(ctx, "replica") as replica:
            await self._register(ctx, master)
            total = await entries(master, ctx.job.realm.suffix)
            if not await self._sent(ctx, master, replica):
                await self._send(ctx, master, replica, total)
            await self._renew(ctx, master, replica)
            password = secrets.token_urlsafe(32)
            ctx.mask(password)
            await self._manager(master, names.replica_manager, password)
            await replica.delete(names.to_master)
            back = agreement(ctx.job, ctx.job.master.hostname, names.replica_manager, password)
            await replica.add(names.to_master, back)
            await set_value(replica, names.changelog, "nsslapd-changelogtrim-interval", TRIM_SECONDS)
        seconds = round(time.monotonic() - started, 3)
        ctx.log(f"Update succeeded after {duration(seconds)}")
        await ctx.fact(MARK, seconds)

    async def undo_realm(self, ctx: Context) -> None:
        names = Names(ctx.job)
        async with remaining(ctx) as servers:
            await cut_off(ctx, servers)
            found = await update_vectors.ids(ctx, servers, ctx.facts.get(REPLICA_ID))
            removed = await delete_tree(servers[0], names.master_entry)
            ctx.log(
                f"Removed {names.master_entry}" if removed else f"{ctx.job.replica.hostname} is not among the masters"
            )
            for number in sorted(found):
                await update_vectors.clean(ctx, servers, number)
                await update_vectors.end_keep_alive(ctx, servers, number)

    async def _register(self, ctx: Context, master: Directory) -> None:
        """Tell the realm that the replica is coming: its services are configured, and do not serve yet."""
        names = Names(ctx.job)
        kinds = ["top", "nsContainer", "extensibleObject"]
        await ensure(master, names.master_entry, {"objectClass": kinds, "cn": ctx.job.replica.hostname})
        for service in names.services:
            entry = {"objectClass": kinds, "cn": service, "description": CONFIGURED}
            await ensure(master, f"cn={service},{names.master_entry}", entry)

    async def _sent(self, ctx: Context, master: Directory, replica: Directory) -> bool:
        """Whether an interrupted attempt got as far as to see the end of it, and nothing was lost since."""
        if SENT not in ctx.facts:
            return False
        if await self._has_the_data(ctx, master, replica):
            return await replica.get(Names(ctx.job).master_entry, ["cn"]) is not None
        host = ctx.job.replica.hostname
        ctx.log(f"{host} lost what it had received, as after a power cut. Everything is sent again.", "warning")
        return False

    async def _send(self, ctx: Context, master: Directory, replica: Directory, total: int) -> None:
        if await self._under_way(ctx, master, replica):
            ctx.log(f"Replication of {total} entries goes on, please wait until this has completed.")
        else:
            ctx.log(f"Starting replication of {total} entries, please wait until this has completed.")
            await self._start(ctx, master, replica)
        await self._follow(ctx, master, replica, total)
        await ctx.fact(SENT, True)

    async def _under_way(self, ctx: Context, master: Directory, replica: Directory) -> bool:
        """Whether the servers do what an interrupted attempt began, or have done it meanwhile."""
        names = Names(ctx.job)
        entry = await master.get(names.to_replica, STATUS)
        if entry is None:
            return False
        status = "".join(entry.get(STATUS[0], []))
        if "Total update succeeded" in status and not entry.get(STATUS[1]):
            arrived = await replica.get(names.master_entry, ["cn"]) is not None
            return arrived and await self._has_the_data(ctx, master, replica)
        return bool(entry.get(STATUS[1])) or "in progress" in status

    async def _start(self, ctx: Context, master: Directory, replica: Directory) -> None:
        """The agreement is made anew with each attempt: an old one may have a password that nobody knows."""
        names, password = Names(ctx.job), secrets.token_urlsafe(32)
        ctx.mask(password)
        await set_value(replica, REPLICATION_MANAGER, "userPassword", password)
        await master.delete(names.to_replica)
        await ctx.fact(BASE, await received(replica))
        entry = agreement(ctx.job, ctx.job.replica.hostname, REPLICATION_MANAGER, password)
        await master.add(names.to_replica, {**entry, "nsds5BeginReplicaRefresh": "start"})

    async def _renew(self, ctx: Context, master: Directory, replica: Directory) -> None:
        """The same agreement without the wish for an initialization.

        The server keeps that wish in memory, and would do it again whenever it starts the agreement anew: after each
        cleaning of an update vector, say.
        """
        names, password = Names(ctx.job), secrets.token_urlsafe(32)
        ctx.mask(password)
        await set_value(replica, REPLICATION_MANAGER, "userPassword", password)
        await master.delete(names.to_replica)
        await master.add(names.to_replica, agreement(ctx.job, ctx.job.replica.hostname, REPLICATION_MANAGER, password))

    async def _follow(self, ctx: Context, master: Directory, replica: Directory, total: int) -> None:
        """Log and count until it is done. Raises StepError when it failed, or when nothing moves any more."""
        names, before = Names(ctx.job), int(str(ctx.facts.get(BASE, 0)))
        pace, asked = Pace(time.monotonic()), 0
        patience = STALLED_SECONDS + STALLED_SECONDS_PER_ENTRY * total
        while True:
            asked += 1
            entry = await master.get(names.to_replica, STATUS) or {}
            status = "".join(entry.get(STATUS[0], []))
            sent = min(max(await received(replica) - before - asked, 0), total)
            ctx.progress(sent, total, "entries")
            if "Total update succeeded" in status and not entry.get(STATUS[1]):
                ctx.progress(total, total, "entries")
                return
            failed = status and not entry.get(STATUS[1]) and "in progress" not in status and "Error (0)" not in status
            remedy = (
                f"Look at /var/log/dirsrv/slapd-{ctx.job.instance}/errors there and on {ctx.job.replica.hostname}, "
                "then try again."
            )
            if failed:
                await master.delete(names.to_replica)
                told = f"[{ctx.job.master.hostname}] reports: Update failed! Status: [{status}]"
                raise StepError(told, remedy, retryable=LOST in status)
            pace.note(sent, time.monotonic())
            if time.monotonic() - pace.moved > patience:
                told = f"{ctx.job.master.hostname} has sent nothing more for {patience:.0f} s, and says: [{status}]."
                raise Stalled(told, remedy)
            await asyncio.sleep(POLL_SECONDS)

    async def _manager(self, master: Directory, dn: str, password: str) -> None:
        """Who the replica binds as, made anew, and trusted with updates."""
        names = ["top", "netscapeServer", "nsAccount"]
        await master.delete(dn)
        await master.add(dn, {"objectClass": names, "cn": dn.partition(",")[0][3:], "userPassword": password})
        config = dn.partition(",")[2]
        found = await master.search(f"cn=mapping tree,{config}", "(objectClass=nsDS5Replica)", ["nsDS5ReplicaBindDN"])
        for entry, attributes in found:
            if dn.lower() not in {value.lower() for value in attributes.get("nsDS5ReplicaBindDN", [])}:
                await master.modify(entry, ("add", "nsDS5ReplicaBindDN", [dn]))


def agreement(job: Job, host: str, bind_dn: str, password: str) -> dict[str, str | list[str]]:
    return {
        "objectClass": ["top", "nsds5ReplicationAgreement"],
        "cn": f"meTo{host}",
        "nsDS5ReplicaHost": host,
        "nsDS5ReplicaPort": "389",
        "nsDS5ReplicaTransportInfo": "TLS",
        "nsDS5ReplicaBindMethod": "SIMPLE",
        "nsDS5ReplicaBindDN": bind_dn,
        "nsDS5ReplicaCredentials": password,
        "nsDS5ReplicaRoot": job.realm.suffix,
        "nsDS5ReplicaTimeout": str(REPLICA_TIMEOUT_SECONDS),
        # The default makes the sender rest for two seconds after each thousand entries.
        "nsds5ReplicaFlowControlWindow": FLOW_WINDOW,
        "nsds5ReplicaFlowControlPause": FLOW_PAUSE_MS,
        "description": f"me to {host}",
    }


async def entries(master: Directory, suffix: str) -> int:
    """How many entries the directory has: each is counted by its parent, for which there is an index."""
    found = await master.search(suffix, "(numSubordinates>=1)", ["numSubordinates"])
    return 1 + sum(int(entry["numSubordinates"][0]) for _, entry in found if entry.get("numSubordinates"))


async def received(replica: Directory) -> int:
    """Operations the replica has completed: an initialization sends each entry with one of its own."""
    entry = await replica.get("cn=monitor", ["opscompleted"]) or {}
    return int(entry.get("opscompleted", ["0"])[0])
