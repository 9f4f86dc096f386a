"""Kerberos, time and the web server of the replica."""

from __future__ import annotations

import asyncio

from replicas.backends.native.access import directory, render
from replicas.backends.native.names import (
    DIRECTORY_KEYTAB,
    KDC_FOLDER,
    KERBEROS_UNITS,
    KEYTAB,
    WEB_CERTIFICATE,
    WEB_KEY,
    WEB_ROOT,
    Names,
)
from replicas.backends.native.places import Placed, keep, put, restore
from replicas.backends.native.units import active, start, stop
from replicas.lifecycle.base import Context, Step
from replicas.lifecycle.job import Job

CLIENT = "/etc/krb5.conf"
CHRONY = "/etc/chrony/conf.d/ipa.conf"
SITE = "/etc/apache2/sites-available/ipa.conf"


class ConfigureTime(Step):
    """Take the time from the master, and give it to others. Undo stops it. Raises CommandFailed."""

    key = "configure-time"
    title = "Configuring NTP daemon (chrony)"
    stage = "install"

    def touches(self, job: Job) -> list[str]:
        return [f"{job.replica.hostname}: {CHRONY}, service chrony, port 123 (UDP)"]

    async def done(self, ctx: Context) -> bool:
        return await (await ctx.host("replica")).exists(CHRONY) and await active(ctx, "chrony")

    async def run(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await put(replica, Placed(CHRONY, render("chrony.conf", master=ctx.job.master.hostname)))
        await start(ctx, "chrony")
        ctx.log(f"chrony takes the time from {ctx.job.master.hostname} and gives it to others")

    async def undo(self, ctx: Context) -> None:
        await stop(ctx, "chrony")
        await (await ctx.host("replica")).remove(CHRONY)


class ConfigureWeb(Step):
    """Serve the authority's certificate and revocation list. Undo stops it. Raises CommandFailed."""

    key = "configure-web"
    title = "Configuring the web interface (apache2)"
    stage = "install"

    def touches(self, job: Job) -> list[str]:
        return [f"{job.replica.hostname}: {SITE}, {WEB_ROOT}, service apache2, ports 80 and 443"]

    async def done(self, ctx: Context) -> bool:
        return await (await ctx.host("replica")).exists(SITE) and await active(ctx, "apache2")

    async def run(self, ctx: Context) -> None:
        job, replica = ctx.job, await ctx.host("replica")
        site = render("apache.conf", host=job.replica.hostname, root=WEB_ROOT, certificate=WEB_CERTIFICATE, key=WEB_KEY)
        index = f"<!doctype html><title>{job.realm.name}</title><h1>{job.realm.name}</h1>\n"
        await put(replica, Placed(SITE, site), Placed(f"{WEB_ROOT}/index.html", index))
        await replica.run("a2enmod", "--quiet", "ssl")
        await replica.run("a2dissite", "--quiet", "000-default")
        await replica.run("a2ensite", "--quiet", "ipa")
        await start(ctx, "apache2")
        ctx.log(f"apache2 offers the authority's certificate and revocation list at http://{job.replica.hostname}/ipa/")

    async def undo(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await stop(ctx, "apache2")
        await replica.run("a2dissite", "--quiet", "ipa", check=False)
        await replica.run("a2ensite", "--quiet", "000-default", check=False)
        await replica.run("rm", "-rf", "--", SITE, WEB_ROOT)


class ConfigureKerberos(Step):
    """Start the KDC and kadmind on the replicated database, and make the host's keys.

    Undo removes the principals from the realm, stops both, and removes their files. Raises CommandFailed.
    """

    key = "configure-kerberos"
    title = "Configuring Kerberos KDC (krb5kdc)"
    stage = "install"

    def touches(self, job: Job) -> list[str]:
        names = Names(job)
        return [
            f"{job.replica.hostname}: {CLIENT}, {KDC_FOLDER}, {KEYTAB}, services {', '.join(KERBEROS_UNITS)}",
            *(f"{job.realm.name}: principal {principal}" for principal in names.principals),
        ]

    async def done(self, ctx: Context) -> bool:
        replica = await ctx.host("replica")
        listed = await replica.run("klist", "-k", KEYTAB, check=False)
        keys = all(f"{principal}@{ctx.job.realm.name}" in listed.text for principal in Names(ctx.job).principals)
        return keys and await active(ctx, *KERBEROS_UNITS)

    async def run(self, ctx: Context) -> None:
        job, names, replica = ctx.job, Names(ctx.job), await ctx.host("replica")
        own = render(
            "krb5.conf",
            realm=job.realm.name,
            domain=job.realm.domain,
            host=job.replica.hostname,
            master=job.master.hostname,
        )
        after = render("after-directory.conf", unit=names.unit)
        drop_ins = (Placed(f"/etc/systemd/system/{unit}.service.d/ipa.conf", after) for unit in KERBEROS_UNITS)
        await keep(ctx, CLIENT)
        await put(replica, Placed(CLIENT, own), *drop_ins)
        ctx.log("  adding the keys of the host to its keytab")
        await asyncio.gather(self._keys(ctx), replica.run("systemctl", "daemon-reload"))
        ctx.log("  starting the KDC and kadmin")
        await start(ctx, *KERBEROS_UNITS)

    async def undo(self, ctx: Context) -> None:
        names, replica = Names(ctx.job), await ctx.host("replica")
        async with directory(ctx, "master") as master:
            for principal in names.principals:
                text = f"(krbPrincipalName={principal}@{ctx.job.realm.name})"
                for dn, _ in await master.search(names.suffix, text, ["cn"]):
                    await master.delete(dn)
        await stop(ctx, *KERBEROS_UNITS)
        drop_ins = [f"/etc/systemd/system/{unit}.service.d/ipa.conf" for unit in KERBEROS_UNITS]
        await replica.remove(KEYTAB, DIRECTORY_KEYTAB, *drop_ins)
        await restore(ctx, CLIENT)

    async def _keys(self, ctx: Context) -> None:
        """A principal that is there already, from an interrupted attempt, only gets new keys."""
        replica = await ctx.host("replica")
        await replica.remove(KEYTAB, DIRECTORY_KEYTAB)
        commands = [
            command
            for principal in Names(ctx.job).principals
            for command in (f"addprinc -randkey {principal}", f"ktadd {principal}")
        ]
        # The same key as in the other keytab, not a new one that would make that worthless.
        commands.append(f"ktadd -k {DIRECTORY_KEYTAB} -norandkey ldap/{ctx.job.replica.hostname}")
        await replica.run("kadmin.local", input="".join(f"{command}\n" for command in commands))
        await replica.run("chown", "dirsrv:dirsrv", "--", DIRECTORY_KEYTAB)
