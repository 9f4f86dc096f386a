"""Kerberos, time and the web server of the replica."""

from __future__ import annotations

from replicas.backends.native.access import render
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
from replicas.backends.native.topology import cut_off, remaining
from replicas.backends.native.units import active, bring_back, start, stop
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import discard, drop_empty
from replicas.together import together

CLIENT = "/etc/krb5.conf"
CHRONY = "/etc/chrony/conf.d/ipa.conf"
CERTIFIED = "web_bundle"
SITE = "/etc/apache2/sites-available/ipa.conf"
APACHE_LINKS = (
    "/etc/apache2/sites-enabled/000-default.conf",
    "/etc/apache2/sites-enabled/ipa.conf",
    *(f"/etc/apache2/mods-enabled/{name}" for name in ("ssl.conf", "ssl.load", "socache_shmcb.load")),
)
DROP_INS = tuple(f"/etc/systemd/system/{unit}.service.d/ipa.conf" for unit in KERBEROS_UNITS)


class ConfigureTime(Step):
    """Take the time from the master, and give it to others. Undo puts it back as it was. Raises CommandFailed."""

    key = "configure-time"
    title = "Configuring NTP daemon (chrony)"
    stage = "install"
    undo_title = "Stopping the NTP daemon (chrony)"

    def touches(self, job: Job) -> list[Touch]:
        replica = job.replica.hostname
        return [Touch("file", CHRONY, replica), Touch("service", "chrony", replica), Touch("port", "UDP 123", replica)]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", CHRONY)]

    async def done(self, ctx: Context) -> bool:
        return await (await ctx.host("replica")).exists(CHRONY) and await active(ctx, "chrony")

    async def run(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await put(replica, Placed(CHRONY, render("chrony.conf", master=ctx.job.master.hostname)))
        await start(ctx, "chrony")
        ctx.log(f"chrony takes the time from {ctx.job.master.hostname} and gives it to others")

    async def undo_host(self, ctx: Context) -> None:
        await stop(ctx, "chrony")
        await discard(ctx, await ctx.host("replica"), CHRONY)
        await bring_back(ctx, "chrony")


class ConfigureWeb(Step):
    """Serve the authority's certificate and revocation list. Undo removes the site. Raises CommandFailed.

    Fact `web_bundle`: where its own certificate is from.
    """

    key = "configure-web"
    title = "Configuring the web interface (apache2)"
    stage = "install"
    undo_title = "Removing the web interface (apache2)"

    def touches(self, job: Job) -> list[Touch]:
        replica = job.replica.hostname
        return [
            *(Touch("file", path, replica) for path in (SITE, WEB_ROOT)),
            Touch("service", "apache2", replica),
            Touch("port", "TCP 80, 443", replica),
        ]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        links = ("/etc/apache2/sites-enabled", "/etc/apache2/mods-enabled")
        return [("replica", path) for path in (SITE, WEB_ROOT, *links)]

    async def done(self, ctx: Context) -> bool:
        if not sealed.is_about(ctx.facts, CERTIFIED):
            return False
        return await (await ctx.host("replica")).exists(SITE) and await active(ctx, "apache2")

    async def run(self, ctx: Context) -> None:
        job, replica = ctx.job, await ctx.host("replica")
        site = render("apache.conf", host=job.replica.hostname, root=WEB_ROOT, certificate=WEB_CERTIFICATE, key=WEB_KEY)
        index = f"<!doctype html><title>{job.realm.name}</title><h1>{job.realm.name}</h1>\n"
        await keep(ctx, *APACHE_LINKS)
        await put(replica, Placed(SITE, site), Placed(f"{WEB_ROOT}/index.html", index))
        await replica.run("a2enmod", "--quiet", "ssl")
        await replica.run("a2dissite", "--quiet", "000-default")
        await replica.run("a2ensite", "--quiet", "ipa")
        await start(ctx, "apache2")
        await ctx.fact(CERTIFIED, ctx.facts.get(sealed.SHA256))
        ctx.log(f"apache2 offers the authority's certificate and revocation list at http://{job.replica.hostname}/ipa/")

    async def undo_host(self, ctx: Context) -> None:
        await stop(ctx, "apache2")
        await discard(ctx, await ctx.host("replica"), SITE, WEB_ROOT)
        await restore(ctx, *APACHE_LINKS)
        await bring_back(ctx, "apache2")


class ConfigureKerberos(Step):
    """Start the KDC and kadmind on the replicated database, and make the host's keys.

    Undo removes the principals from the realm, stops both, and removes their files. Raises CommandFailed.
    """

    key = "configure-kerberos"
    title = "Configuring Kerberos KDC (krb5kdc)"
    stage = "install"
    undo_title = "Removing the Kerberos KDC, the principals and the keys of the host"

    def touches(self, job: Job) -> list[Touch]:
        replica = job.replica.hostname
        return [
            *(Touch("file", path, replica) for path in (CLIENT, KDC_FOLDER, KEYTAB)),
            *(Touch("service", unit, replica) for unit in KERBEROS_UNITS),
            Touch("port", "TCP and UDP 88, 464; TCP 749", replica),
            *(Touch("principal", principal, job.realm.name) for principal in Names(job).principals),
        ]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in (CLIENT, KDC_FOLDER, KEYTAB, *DROP_INS)]

    async def done(self, ctx: Context) -> bool:
        replica = await ctx.host("replica")
        listed = await replica.run("klist", "-k", KEYTAB, check=False)
        known = {word for line in listed.text.splitlines() for word in line.split()[1:2]}
        keys = {f"{principal}@{ctx.job.realm.name}" for principal in Names(ctx.job).principals} <= known
        return keys and await replica.exists(DIRECTORY_KEYTAB) and await active(ctx, *KERBEROS_UNITS)

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
        drop_ins = (Placed(path, after) for path in DROP_INS)
        await keep(ctx, CLIENT, KEYTAB)
        await put(replica, Placed(CLIENT, own), *drop_ins)
        ctx.log("  adding the keys of the host to its keytab")
        await together(self._keys(ctx), replica.run("systemctl", "daemon-reload"))
        ctx.log("  starting the KDC and kadmin")
        await start(ctx, *KERBEROS_UNITS)

    async def undo_realm(self, ctx: Context) -> None:
        names = Names(ctx.job)
        async with remaining(ctx) as servers:
            await cut_off(ctx, servers)
            text = f"(krbPrincipalName=*/{ctx.job.replica.hostname}@{ctx.job.realm.name})"
            found = await servers[0].search(names.suffix, text, ["krbPrincipalName"])
            for dn, entry in found:
                await servers[0].delete(dn)
                ctx.log(f"Removed the principal {', '.join(entry['krbPrincipalName'])}")
        if not found:
            ctx.log(f"{ctx.job.realm.name} has no principal of {ctx.job.replica.hostname}")

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        # With the directory, before its id is cleaned: what it still sent after that would count as nobody's.
        await stop(ctx, *KERBEROS_UNITS, Names(ctx.job).unit)
        await discard(ctx, replica, DIRECTORY_KEYTAB, *DROP_INS)
        await restore(ctx, CLIENT, KEYTAB)
        await drop_empty(replica, *(path.rpartition("/")[0] for path in DROP_INS))
        await replica.run("systemctl", "daemon-reload")
        await bring_back(ctx, *KERBEROS_UNITS)

    async def _keys(self, ctx: Context) -> None:
        """The keys that the principals have: those of an interrupted attempt, and one key in both keytabs."""
        replica = await ctx.host("replica")
        await replica.remove(KEYTAB, DIRECTORY_KEYTAB)
        commands = [
            command
            for principal in Names(ctx.job).principals
            for command in (f"addprinc -randkey {principal}", f"ktadd -norandkey {principal}")
        ]
        commands.append(f"ktadd -k {DIRECTORY_KEYTAB} -norandkey ldap/{ctx.job.replica.hostname}")
        await replica.run("kadmin.local", input="".join(f"{command}\n" for command in commands))
        await replica.run("chown", "dirsrv:dirsrv", "--", DIRECTORY_KEYTAB)
