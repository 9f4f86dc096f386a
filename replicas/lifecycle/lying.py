"""Bundles that lie around: on the masters of a realm, and on replicas from which the portal has removed none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from replicas.choices import REPLICA_ENDED, ReplicaState
from replicas.clients import queries
from replicas.errors import HostError
from replicas.lifecycle.job import Endpoint
from replicas.models import Bundle, Master, Realm
from replicas.together import together

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

BUNDLES = ("/var/lib/ipa", "-maxdepth", "1", "-name", "replica-info-*.gpg")
MOST_HOSTS = 20
"""So many of either are asked in one look."""
BUSY = (*REPLICA_ENDED, ReplicaState.RUNNING, ReplicaState.REMOVING)
"""On these hosts there is none any more, or one that a run works with."""


class Place(NamedTuple):
    """A host, and the bundle that lies there as far as the portal knows."""

    host: Endpoint
    known: str = ""


def places(realm: Realm) -> list[Place]:
    """The masters, then the replicas with a bundle that was not removed; each host once."""
    masters = Master.objects.filter(realm=realm).select_related("host_key").order_by("pk")[:MOST_HOSTS]
    left = Bundle.objects.filter(replica__master__realm=realm, removed_at=None).exclude(replica__state__in=BUSY)
    bundles = left.select_related("replica__host_key").order_by("-pk")[:MOST_HOSTS]
    found = {one.replica.hostname: Place(one.replica.endpoint(), one.path) for one in reversed(bundles)}
    return list(({one.hostname: Place(one.endpoint()) for one in masters} | found).values())


async def bundles(places: Iterable[Place], connect: Callable[[Endpoint], Awaitable[Host]]) -> tuple[str, ...]:
    """Their paths, with the host; of a replica that is not reached what the portal knows, and why that is all."""
    listed = await together(*(_on_host(place, connect) for place in places))
    return tuple(line for lines in listed for line in lines)


async def _on_host(place: Place, connect: Callable[[Endpoint], Awaitable[Host]]) -> list[str]:
    name = place.host.hostname
    try:
        host = await connect(place.host)
    except HostError as error:
        return [f"{name}: {place.known} (as the portal knows; {error.message})"] if place.known else []
    try:
        return [f"{name}: {path}" for path in sorted(await queries.find(host, *BUNDLES))]
    finally:
        await host.close()
