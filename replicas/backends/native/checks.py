"""What must hold before anything is changed. Each check returns what it found, or raises what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicas.backends.native import dns_checks
from replicas.backends.native.access import directory
from replicas.backends.native.names import CA_FOLDER, TSIG_KEY, Names
from replicas.clients import queries
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.findings import Check
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import free_ports, host_checks, in_service

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

CLAIM = "replica_claimed"
PROGRAMS = ("dscreate", "krb5kdc", "kadmin.local", "apache2", "chronyd", "gpg", "certutil")


async def password(ctx: Context) -> str:
    """Raises WrongPassword, DirectoryError."""
    async with directory(ctx, "master") as bound:
        await bound.get("", ["vendorVersion"])
    return f"{ctx.job.master.hostname} accepts the Directory Manager password"


async def existing(ctx: Context) -> str:
    """The realm knows nothing of the replica yet, unless it is what this run itself left. Raises StepError."""
    if ctx.facts.get(CLAIM):
        return "What the realm knows of the replica comes from this run"
    job, known = ctx.job, Names(ctx.job)
    async with directory(ctx, "master") as bound:
        entries = [dn for dn in (known.master_entry, known.to_replica) if await bound.get(dn, ["cn"])]
        principal = f"{known.principals[0]}@{job.realm.name}"
        principals = [dn for dn, _ in await bound.search(known.suffix, f"(krbPrincipalName={principal})", ["cn"])]
    if found := [*entries, *principals]:
        error = StepError(
            f"{job.replica.hostname} already exists on {job.master.hostname}: {'; '.join(found)}.",
            f"{job.replica.hostname} may be a server that is in service: then choose another host name. A replica "
            "that is in the portal's list is removed there. Only for a server that no longer exists: delete the "
            "entries named here.",
        )
        raise await in_service.spare(ctx, error)
    return f"{job.realm.name} does not know {job.replica.hostname} yet"


async def blank(ctx: Context) -> str:
    """The replica has the packages, and nothing configured. Raises StepError."""
    if ctx.facts.get(CLAIM):
        return "What is on the replica comes from this run"
    replica, job = await ctx.host("replica"), ctx.job
    folder = Names(job).folder
    if await replica.exists(f"{folder}/dse.ldif"):
        raise StepError(
            f"{job.replica.hostname} already has a Directory Server instance {folder}, which is "
            f"{await _activity(replica, f'dirsrv@{job.instance}')}.",
            f"This host may be a server of {job.realm.name}: choose another host. If the server is not needed any "
            "more, remove it from its realm first.",
        )
    if await replica.exists(folder):
        raise StepError(
            f"{job.replica.hostname} already has {folder}, which is not a Directory Server instance.",
            "See what it is for: the instance of the replica needs this place.",
        )
    if missing := await queries.programs_missing(replica, PROGRAMS + (("named",) if job.options.setup_dns else ())):
        raise StepError(
            f"{job.replica.hostname} lacks {', '.join(missing)}.",
            "Install the packages 389-ds-base, krb5-kdc, krb5-kdc-ldap, krb5-admin-server, apache2, chrony, gnupg, "
            "libnss3-tools and, for DNS, bind9.",
        )
    return f"{job.replica.hostname} is a blank host"


async def ports(ctx: Context) -> str:
    """What the installation binds on the replica is free. Raises StepError."""
    if ctx.facts.get(CLAIM) and ctx.job.action == "install":
        return "What listens on the replica comes from this run"
    return await free_ports.require(ctx, services(ctx.job))


def services(job: Job) -> tuple[free_ports.Service, ...]:
    """Those that the job's action installs."""
    if job.action == "dns":
        return (free_ports.DNS,)
    own = (free_ports.DIRECTORY, free_ports.KERBEROS, free_ports.WEB, free_ports.TIME)
    return (*own, free_ports.DNS) if job.options.setup_dns else own


async def _activity(host: Host, unit: str) -> str:
    """Return what systemd says of a unit: active, inactive, failed."""
    return (await host.run("systemctl", "is-active", unit, check=False)).text.strip() or "unknown to systemd"


async def authority(ctx: Context) -> str:
    """The master can issue certificates. Raises StepError."""
    master = await ctx.host("master")
    if not await master.exists(f"{CA_FOLDER}/private/ca.key"):
        raise StepError(
            f"{master.name} has no certificate authority in {CA_FOLDER}.",
            "Prepare the replica from a master that has one.",
        )
    return f"{master.name} issues the realm's certificates"


async def updates(ctx: Context) -> str:
    """The master can change the realm's DNS. Raises StepError."""
    if not ctx.job.realm.dns:
        return f"{ctx.job.realm.name} has no DNS of its own to be changed"
    master = await ctx.host("master")
    if not await master.exists(TSIG_KEY):
        raise StepError(
            f"{master.name} is no name server: it has no key {TSIG_KEY} to change DNS records with.",
            "Prepare the replica from a master with name service, or set up DNS service on this one first.",
        )
    return f"{master.name} may change the DNS of {ctx.job.realm.name}"


# In the order in which they are worth knowing.
CHECKS: dict[str, Check] = {
    "hosts": host_checks.hosts,
    "addresses": host_checks.addresses,
    "resolvable": host_checks.resolvable,
    "password": password,
    "existing": existing,
    "blank": blank,
    "ports": ports,
    "resources": host_checks.resources,
    "authority": authority,
    "updates": updates,
    "alias": dns_checks.alias,
    "zones": dns_checks.placed,
}
