"""Whether the packages on the replica's host are those that the request takes, and know its options."""

from __future__ import annotations

from replicas.backends.freeipa import bundle
from replicas.backends.freeipa.dogtag import known_options
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.together import together

CLIENT, REPLICA = "/usr/sbin/ipa-client-install", "/usr/sbin/ipa-replica-install"
PACKAGES = {
    "setup_dns": (("/usr/sbin/ipa-dns-install",), "ipa-server-dns (RHEL) or freeipa-server-dns"),
    "setup_adtrust": (
        ("/usr/sbin/smbd", "/usr/bin/net", "/usr/share/ipa/smb.conf.empty"),
        "samba, and ipa-server-trust-ad (RHEL) or freeipa-server-trust-ad",
    ),
}
"""What the installer looks for half-way, and the packages that it is from, by option."""


async def packages(ctx: Context) -> str:
    """Raises StepError naming what is not there, and its package."""
    options, replica = ctx.job.options, await ctx.host("replica")
    found: list[str] = []
    for option, (paths, package) in PACKAGES.items():
        if not getattr(options, option):
            continue
        there = await together(*(replica.exists(path) for path in paths))
        if missing := [path for path, one in zip(paths, there, strict=True) if not one]:
            raise StepError(
                f"{replica.name} lacks {', '.join(missing)}, which --{option.replace('_', '-')} takes.",
                f"Install the packages: {package}.",
            )
        found += paths
    return f"{', '.join(found)} on {replica.name} are there" if found else "No option takes a package of its own"


async def options(ctx: Context) -> str:
    """Both installers know every option that they will be given, by their own help. Raises StepError."""
    replica, job = await ctx.host("replica"), ctx.job
    for path, arguments in ((CLIENT, bundle.enrolment(job)), (REPLICA, bundle.promotion(job))):
        if not await replica.exists(path):  # which is looked at by itself
            return f"{replica.name} has no {path} that could be asked"
        await known_options(replica, path, arguments)
    return f"The installers on {replica.name} know every option that they will be given"
