"""Whether the realm can do without the replica."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from replicas.backends.freeipa import hiding, realm
from replicas.backends.freeipa.access import session
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.undo import finish, undone

KEY_MASTER = "dnssec_key_master_server"
"""The renewal of certificates moves to another server by itself; this does not."""


class CheckRemovable(Step):
    """Reads roles and segments; changes nothing. The realm asks itself the same again when the server is removed.

    Raises StepError naming the servers that would be cut off, or the role that nobody else has.
    """

    key = "check-removable"
    title = "Checking that the realm can do without the replica"
    stage = "check"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("read", "roles and segments of every server", job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return self.key in undone(ctx)

    async def run(self, ctx: Context) -> None:
        ctx.log(await removable(ctx))
        await finish(ctx, self.key)


async def removable(ctx: Context) -> str:
    """Raises StepError."""
    name = ctx.job.replica.hostname
    async with session(ctx) as opened:
        shown = (await opened.call("config_show", all=True)).value
        servers = await realm.servers(opened)
        segments = await realm.segments(opened, await realm.suffixes(opened))
    lost = ctx.job.options.instead_of
    holders = {**realm.holders(shown), "AD trust": realm.trusting(servers)}
    refuse_last({role: [one for one in names if one != lost] for role, names in holders.items()}, name)
    hiding.refuse_alone(shown, name, (KEY_MASTER,), "be removed")
    for suffix in sorted({one.suffix for one in segments}):
        refuse_cut(name, [one.name for one in servers if suffix in one.suffixes], segments, suffix)
    return f"{ctx.job.realm.name} can do without {name}"


def refuse_last(holders: Mapping[str, list[str]], name: str) -> None:
    """Raises StepError when a role would be gone."""
    for role, servers in holders.items():
        if servers == [name]:
            raise StepError(
                f"{name} is the last server of {role} in the realm.", f"Set up {role} on another server first."
            )


def refuse_cut(name: str, servers: Iterable[str], segments: Iterable[realm.Segment], suffix: str) -> None:
    """Raises StepError when the others of the suffix would fall apart."""
    groups = parts([one for one in servers if one != name], [one for one in segments if one.suffix == suffix])
    if len(groups) > 1:
        apart = " | ".join(", ".join(sorted(group)) for group in groups)
        raise StepError(
            f"Without {name} the servers of the suffix {suffix} would fall apart: {apart}.",
            f"Connect them first: ipa topologysegment-add {suffix}.",
        )


def others_connected(name: str, servers: Iterable[realm.Server], segments: Iterable[realm.Segment]) -> bool:
    """Whether all other servers of each suffix reach each other without it."""
    kept, links = [one for one in servers if one.name != name], list(segments)
    suffixes = {suffix for one in kept for suffix in one.suffixes}
    return all(
        len(parts([one.name for one in kept if suffix in one.suffixes], [s for s in links if s.suffix == suffix])) == 1
        for suffix in suffixes
    )


def parts(servers: Iterable[str], segments: Iterable[realm.Segment]) -> list[set[str]]:
    """The groups of servers that segments between them connect, the largest first."""
    groups: list[set[str]] = [{one} for one in servers]
    for segment in segments:
        left, right = (next((group for group in groups if end in group), None) for end in (segment.left, segment.right))
        if left is not None and right is not None and left is not right:
            groups.remove(right)
            left |= right
    return sorted(groups, key=lambda group: (-len(group), sorted(group)))
