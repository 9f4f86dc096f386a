"""Agreements as the Directory Servers themselves have them: how the last initialization and the last update went."""

from __future__ import annotations

import re
from dataclasses import dataclass

from replicas.backends.freeipa.access import address_of
from replicas.clients.ldap import Directory, escape
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps.convergence import converged

DOMAIN, CA = "domain", "ca"
IPACA = "o=ipaca"
"""Where a server with a CA keeps what the authority knows."""
TREE = "cn=mapping tree,cn=config"
ROOT, REFRESH = "nsds5ReplicaRoot", "nsds5BeginReplicaRefresh"
INIT_START, INIT_STATUS = "nsds5ReplicaLastInitStart", "nsds5ReplicaLastInitStatus"
UPDATE_STATUS = "nsds5ReplicaLastUpdateStatus"
CODE = re.compile(r"(?:Error \()?(-?\d+)")
SESSION = re.compile(r"Incremental update (started|succeeded)")


@dataclass(frozen=True, slots=True)
class Agreement:
    """One direction, on its supplier. `begun` is when the last initialization began, as the server writes it."""

    begun: str
    refreshing: bool
    init: str
    update: str

    @property
    def initializing(self) -> bool:
        return self.refreshing or "in progress" in self.init

    @property
    def works(self) -> bool:
        """Whether the last update met no error; one that has not been tried yet did not."""
        return code(self.update) == 0

    @property
    def met(self) -> bool:
        """Whether the consumer was reached at all since the supplier's server was started."""
        return self.works and SESSION.search(self.update) is not None


def root(job: Job, suffix: str) -> str:
    """The suffix as the directory names it."""
    return IPACA if suffix == CA else job.realm.suffix


def code(status: str) -> int:
    """The error of «Error (0) Total update succeeded» or «0 Total…»; -1 where there is none to be read."""
    found = CODE.match(status)
    return int(found[1]) if found else -1


async def agreement(bound: Directory, root: str, consumer: str) -> Agreement | None:
    """What the server has for that consumer; None when there is none that admin may read."""
    wanted = f"(&(objectClass=nsds5ReplicationAgreement)(nsds5ReplicaHost={escape(consumer)}))"
    for _, entry in await bound.search(TREE, wanted, [ROOT, REFRESH, INIT_START, INIT_STATUS, UPDATE_STATUS]):
        if "".join(entry.get(ROOT, [])).replace(" ", "").lower() == root.lower():
            begun, init, update = ("".join(entry.get(name, [])) for name in (INIT_START, INIT_STATUS, UPDATE_STATUS))
            # «stop» stays there, and says nothing of what goes on.
            return Agreement(begun, "start" in entry.get(REFRESH, []), init, update)
    return None


async def shown(bound: Directory) -> bool:
    """Whether the server shows admin any agreement."""
    return bool(await bound.search(TREE, "(objectClass=nsds5ReplicationAgreement)", [ROOT]))


async def towards(bound: Directory, consumer: str) -> list[str]:
    """The server's agreements with that consumer, of any suffix, by their names; none that admin may not read."""
    wanted = f"(&(objectClass=nsds5ReplicationAgreement)(nsds5ReplicaHost={escape(consumer)}))"
    return [dn for dn, _ in await bound.search(TREE, wanted, [ROOT])]


async def required(bound: Directory, root: str, consumer: str) -> Agreement:
    """The same. Raises StepError without it."""
    if found := await agreement(bound, root, consumer):
        return found
    raise StepError(
        f"{bound.hostname} has no agreement with {consumer} for {root} that admin may read.",
        f"See «ipa topologysegment-find», and whether replication on {bound.hostname} works.",
    )


async def working(ctx: Context, bound: Directory, suffix: str, consumer: str, met: bool = False) -> Agreement:
    """Return an agreement once it meets no error or, with `met`, has reached the consumer.

    Raises StepError with its own words.
    """

    async def attempt() -> Agreement:
        found = await agreement(bound, root(ctx.job, suffix), consumer)
        if found and (found.met if met else found.works):
            return found
        words = f"says: {found.update}" if found else "does not exist, or admin may not read it"
        raise StepError(
            f"The agreement of {bound.hostname} with {consumer} for {suffix} {words}.",
            f"See the errors log of the Directory Servers of {bound.hostname} and of {consumer}, then try again.",
        )

    return await converged(ctx, attempt)


async def address(ctx: Context, name: str) -> str:
    """Where a server of the realm is reached. Raises StepError."""
    for host in (ctx.job.master, ctx.job.replica):
        if host.hostname == name:
            return host.address
    return await address_of(ctx, name)
