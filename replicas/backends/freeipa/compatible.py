"""Whether the replica's software goes with the realm's: what the installer would find out half-way."""

from __future__ import annotations

import re

from replicas.backends.freeipa import realm
from replicas.backends.freeipa.access import session
from replicas.errors import StepError
from replicas.lifecycle.base import Context

PROGRAM = "ipa-replica-install"
FIPS = "/proc/sys/crypto/fips_enabled"
VERSION = re.compile(r"\b(\d+)\.(\d+)(?:\.(\d+))?")


async def releases(ctx: Context) -> str:
    """The replica's FreeIPA is not older than the master's, and both are in FIPS mode or none. Raises StepError."""
    replica, master = await ctx.host("replica"), ctx.job.master.hostname
    async with session(ctx) as opened:
        known = await realm.facts(opened)
    theirs = str(known["version"])
    own = (await replica.run(PROGRAM, "--version", check=False)).text.strip()
    if not VERSION.search(own):  # whether it is there at all is looked at by itself
        return f"{replica.name} does not say which FreeIPA it has"
    if _numbers(own) < _numbers(theirs):
        raise StepError(
            f"{replica.name} has FreeIPA {own}, which is older than {theirs} on {master}.",
            f"Update {replica.name}: a replica cannot be made of a server of a higher version.",
        )
    ours = (await replica.run("cat", FIPS, check=False)).text.strip() == "1"
    if ours != bool(known["fips_mode"]):
        with_it, without = (replica.name, master) if ours else (master, replica.name)
        raise StepError(
            f"{with_it} is in FIPS mode, and {without} is not.", "Both have to be: install the replica's system anew."
        )
    return f"{replica.name} has FreeIPA {own}, {master} {theirs}"


def _numbers(version: str) -> tuple[int, ...]:
    """Of «4.9.11», «4.12.0dev» or «4.9.8-7.el9»; none of another text."""
    found = VERSION.search(version)
    return tuple(int(number or 0) for number in found.groups()) if found else ()
