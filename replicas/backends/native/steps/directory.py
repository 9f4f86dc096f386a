"""The Directory Server instance of the replica."""

from __future__ import annotations

import base64
import hashlib
import secrets

from replicas.backends.native.access import directory, render
from replicas.backends.native.names import CA_CERTIFICATE, DIRECTORY_KEYTAB, Names
from replicas.backends.native.opening import open_bundle
from replicas.backends.native.places import Placed, put
from replicas.backends.native.units import active, start, stop
from replicas.clients import vectors
from replicas.errors import DirectoryError, StepError, WrongPassword
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import drop_empty, stop_commands

REPLICA_ID, TAKER = "replica_id", "replica_id_taker"
CERTIFIED = "directory_bundle"
SECONDS = 120.0
TRIM_SECONDS_AT_FIRST = "2"
"""When an initialization ends, the server waits for the thread that trims its changelog, and sometimes, one time in
150 or so, wakes it before it sleeps: then all stands still, on the master too, until that thread looks again."""


class ConfigureDirectory(Step):
    """An instance with its certificate, as a supplier with an id of its own. It is finished while it is stopped.

    Facts: `replica_id`, taken from the realm's counter once in a run; `replica_id_taker`, noted before that and then in
    the counter's entry; `directory_bundle`, where its certificate is from. Undo removes the instance; the id is not
    given back, because an id must never name two replicas.

    Raises StepError, DirectoryError, CommandFailed, BundleError.
    """

    key = "configure-directory"
    title = "Configuring directory server (dirsrv)"
    stage = "install"
    undo_title = "Removing the directory server (dirsrv)"
    undo_destroys = True

    def touches(self, job: Job) -> list[Touch]:
        names, replica = Names(job), job.replica.hostname
        return [
            Touch("command", f"dscreate from-file, instance {job.instance}", replica),
            Touch("file", names.folder, replica),
            Touch("service", names.unit, replica),
            Touch("port", "TCP 389, 636", replica),
            Touch("directory", f"the next replica id, {names.counter}", job.realm.name),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [f"The replica id that is taken in {job.realm.name} is not given to another server again."]

    def undo_touches(self, job: Job) -> list[Touch]:
        names, replica = Names(job), job.replica.hostname
        return [
            Touch("command", f"dsctl {job.instance} remove", replica),
            Touch("file", f"{names.folder}, with its data", replica),
            Touch("service", names.unit, replica),
        ]

    def undo_lasting(self, job: Job) -> list[str]:
        host = job.replica.hostname
        if job.options.host_gone_reason:
            return [f"If the disks of {host} still exist, they keep a copy of the directory, password hashes included."]
        return [f"The copy of the directory on {host} is deleted."]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [
            ("replica", path)
            for path in (Names(job).environment, "/etc/dirsrv", "/var/lib/dirsrv", "/var/log/dirsrv", DIRECTORY_KEYTAB)
        ]

    async def done(self, ctx: Context) -> bool:
        return sealed.is_about(ctx.facts, CERTIFIED) and await self._made(ctx)

    async def _made(self, ctx: Context) -> bool:
        names = Names(ctx.job)
        if not isinstance(ctx.facts.get(REPLICA_ID), int) or not await active(ctx, names.unit):
            return False
        try:
            async with directory(ctx, "replica") as bound:
                entry = await bound.get(names.replica_config, ["nsDS5ReplicaId"])
        except (DirectoryError, WrongPassword):
            return False
        return entry is not None and entry["nsDS5ReplicaId"] == [str(ctx.facts[REPLICA_ID])]

    async def run(self, ctx: Context) -> None:
        await self._take_id(ctx)
        if await self._made(ctx):
            ctx.log("  the instance gets the certificate of the new bundle")
        else:
            ctx.log("  creating directory server instance")
            await self._create(ctx)
        await self._environment(ctx)
        # Its configuration is a file to be edited only while it is down.
        await (await ctx.host("replica")).run("systemctl", "stop", Names(ctx.job).unit, timeout=SECONDS)
        ctx.log("  configuring TLS, Kerberos schema and replication")
        await open_bundle(ctx, directory=self._instance(ctx))
        ctx.log("  starting directory server")
        await start(ctx, Names(ctx.job).unit)
        await ctx.fact(CERTIFIED, ctx.facts.get(sealed.SHA256))

    async def undo_realm(self, ctx: Context) -> None:
        if taker := ctx.facts.get(TAKER):
            async with directory(ctx, "master") as bound:
                await bound.forget_taker(Names(ctx.job).counter, str(taker))

    async def undo_host(self, ctx: Context) -> None:
        names, replica = Names(ctx.job), await ctx.host("replica")
        await stop_commands(ctx)
        await stop(ctx, names.unit)
        there = await replica.exists(names.folder)
        await self._remove(ctx)
        await drop_empty(replica, "/run/dirsrv")
        await replica.run("systemctl", "reset-failed", names.unit, check=False)
        ctx.log(f"Removed on {replica.name}: the instance {names.folder}" if there else f"Not there: {names.folder}")

    async def _environment(self, ctx: Context) -> None:
        """Where its Kerberos key will be: read at the start, which is long before the key can be made."""
        variables = Placed(Names(ctx.job).environment, f"KRB5_KTNAME=FILE:{DIRECTORY_KEYTAB}\n")
        await put(await ctx.host("replica"), variables)

    async def _create(self, ctx: Context) -> None:
        """Only what nobody has begun: an attempt that takes over finds it made, or waits until it is."""
        replica = await ctx.host("replica")
        status = await ctx.command(
            "replica",
            "dscreate",
            ["dscreate", "from-file", "/dev/stdin"],
            input=self._answers(ctx).encode(),
            timeout=SECONDS,
            prepare=lambda: self._remove(ctx),
        )
        if status:
            cause = await self._cause(ctx) or f"dscreate on {replica.name} ended with status {status}"
            raise StepError(
                f"The Directory Server instance cannot be made: {cause}.",
                f"The log has its words. See that /etc/dirsrv, /var/lib/dirsrv and /var/log on {replica.name} have "
                "free space, then try again: what is left of this attempt is removed first.",
            )

    async def _cause(self, ctx: Context) -> str:
        """The first error that the server itself logged: dscreate only says that it does not start."""
        replica, log = await ctx.host("replica"), f"/var/log/dirsrv/slapd-{ctx.job.instance}/errors"
        shown = await replica.run("grep", "--max-count=1", "--", " - ERR - ", log, check=False)
        return shown.text.strip().partition(" - ERR - ")[2]

    async def _take_id(self, ctx: Context) -> None:
        """An attempt that takes over finds in the counter's entry whether the id was taken, and which one."""
        if isinstance(ctx.facts.get(REPLICA_ID), int):
            return
        if not ctx.facts.get(TAKER):
            await ctx.fact(TAKER, f"{ctx.job.replica.hostname} {secrets.token_hex(8)}")
        async with directory(ctx, "master") as bound:
            taken = await bound.take_counter(Names(ctx.job).counter, "nsDS5ReplicaId", str(ctx.facts[TAKER]))
        await ctx.fact(REPLICA_ID, taken)
        ctx.log(f"  replica id {taken} taken")

    async def _remove(self, ctx: Context) -> None:
        """What an interrupted attempt left."""
        replica, names = await ctx.host("replica"), Names(ctx.job)
        await replica.remove(names.environment, DIRECTORY_KEYTAB)
        if await replica.exists(names.folder):
            await replica.run("dsctl", ctx.job.instance, "remove", "--do-it", timeout=SECONDS, check=False)
        # What dsctl does not know how to remove: it needs a configuration that may not be there yet, or be torn.
        await replica.run("systemctl", "stop", names.unit, timeout=SECONDS, check=False)
        await replica.run("rm", "-rf", "--", *names.instance_paths)

    def _answers(self, ctx: Context) -> str:
        job = ctx.job
        return render(
            "instance.inf",
            host=job.replica.hostname,
            instance=job.instance,
            suffix=job.realm.suffix,
            password=hashed(ctx.secret("directory_manager")),
        )

    def _instance(self, ctx: Context) -> dict[str, object]:
        names = Names(ctx.job)
        # Nobody knows this password: whoever sets up an agreement sets another one first.
        entries = render(
            "replication.ldif",
            suffix=names.suffix,
            escaped_suffix=vectors.escaped(names.suffix),
            replica_id=str(ctx.facts[REPLICA_ID]),
            trim_seconds=TRIM_SECONDS_AT_FIRST,
            password=hashed(secrets.token_urlsafe(32)),
        )
        config = {"nsslapd-security": "on", "nsslapd-localhost": ctx.job.replica.hostname}
        return {"folder": names.folder, "authority": CA_CERTIFICATE, "config": config, "entries": entries}


def hashed(password: str) -> str:
    """A password as the directory stores it (salted SHA-512)."""
    salt = secrets.token_bytes(16)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()
