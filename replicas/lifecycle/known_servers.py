"""The hosts that the portal knows, by address and by SSH host key: none of them may become another replica.

An installation on a host that serves already would destroy it, and so would the undo or the removal of a replica whose
address leads to another server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from replicas.choices import PLANS_OF_REMOVAL, REPLICA_ENDED, PlanAction, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.run_end import CLAIMED
from replicas.models import HostKey, Master, Plan, RealmLook, Replica, Run

TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as hosts without IPv4 write them (RFC 6052)."""
SSH_ADDRESS, IP_ADDRESSES = "ssh_address", "ip_addresses"
ALIVE = tuple(state for state in ReplicaState if state not in REPLICA_ENDED)
"""States of requests and replicas whose hosts nobody else may take."""
SERVING = (ReplicaState.VERIFIED, ReplicaState.REMOVING)
"""States of replicas that clients may rely on."""


class Server(NamedTuple):
    """A host that the portal knows, and what it is, in words."""

    hostname: str
    role: str

    def __str__(self) -> str:
        return f"{self.hostname} ({self.role})"


def canonical(address: str) -> str:
    """Return an IP address in the one notation in which addresses are compared; other text as it is."""
    try:
        value = ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return address
    if isinstance(value, IPv6Address):
        if value.ipv4_mapped:
            return str(value.ipv4_mapped)
        if value in TRANSLATED:
            return str(ip_address(int(value) & 0xFFFFFFFF))
    return str(value)


@dataclass
class KnownServers:
    """Servers by where they answer to SSH (address and port), and by the addresses that are their own."""

    doors: dict[tuple[str, int], list[Server]] = field(default_factory=dict)
    addresses: dict[str, list[Server]] = field(default_factory=dict)

    @classmethod
    def read(cls, health: bool = True, states: Collection[str] = ALIVE) -> KnownServers:
        """Read the masters, and the replicas and requests in these states.

        With `health`, also the servers that the last health check of each realm saw.
        """
        known, gone = cls(), _gone()
        masters = Master.objects.exclude(hostname__in=gone).select_related("realm")
        for master in masters.only("hostname", "ssh_address", "ssh_port", "realm__name"):
            role = _("a master of %(realm)s") % {"realm": master.realm.name}
            known._add_door(Server(master.hostname, role), master.ssh_address, master.ssh_port)
        columns = ("hostname", "state", "ssh_address", "ssh_port", "ip_addresses")
        rows = Replica.objects.filter(state__in=states).values_list(*columns)
        for hostname, state, address, port, own in rows:
            server = Server(hostname, _role(state))
            known._add_door(server, address, port)
            known._add_addresses(server, own)
        if health:
            known._add_seen(gone)
        return known

    def conflict(self, replica: Replica) -> tuple[str, str, Server] | None:
        """Return the field and the address of the replica that belong to another server, and that server."""
        address = canonical(replica.ssh_address)
        doors = self.doors.get((address, replica.ssh_port), ())
        for server in (*doors, *self.addresses.get(address, ())):
            if server.hostname != replica.hostname:
                return SSH_ADDRESS, replica.ssh_address, server
        for own in map(canonical, replica.ip_addresses):
            at_its_door = (one for (where, _port), found in self.doors.items() if where == own for one in found)
            for server in (*self.addresses.get(own, ()), *at_its_door):
                if server.hostname != replica.hostname:
                    return IP_ADDRESSES, own, server
        return None

    def add(self, replica: Replica) -> None:
        """Count a request that is not stored yet, for the next row of its table."""
        server = Server(replica.hostname, _("requested in the same table"))
        self._add_door(server, replica.ssh_address, replica.ssh_port)
        self._add_addresses(server, replica.ip_addresses)

    def _add_door(self, server: Server, address: str, port: int) -> None:
        self.doors.setdefault((canonical(address), port), []).append(server)

    def _add_addresses(self, server: Server, addresses: Iterable[str]) -> None:
        for address in map(canonical, addresses):
            self.addresses.setdefault(address, []).append(server)

    def _add_seen(self, gone: frozenset[str]) -> None:
        for look in RealmLook.objects.select_related("realm").only("dns", "realm__name"):
            role = _("a server of %(realm)s") % {"realm": look.realm.name}
            for hostname, address in _address_records(look.dns or ()):
                if hostname not in gone:
                    self._add_addresses(Server(hostname, role), [address])


def _address_records(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """The server and the address of each A and AAAA record that a health check expected."""
    for row in rows:
        parts = str(row.get("record", "")).split()
        if len(parts) >= 5 and parts[-2] in ("A", "AAAA"):
            yield str(row.get("host", "")), parts[-1]


def _role(state: str) -> str:
    if state in (ReplicaState.REQUESTED, ReplicaState.APPROVED):
        return _("an open request")
    return _("a replica, %(state)s") % {"state": ReplicaState(state).label}


def _gone() -> frozenset[str]:
    """Hosts that the portal has removed from their realm, and that nobody has requested again."""
    ended = Replica.objects.filter(state__in=REPLICA_ENDED)
    removed = Run.objects.filter(state=RunState.SUCCEEDED, plan__action__in=PLANS_OF_REMOVAL)
    names = ended.filter(plans__in=removed.values("plan")).values_list("hostname", flat=True)
    alive = Replica.objects.exclude(state__in=REPLICA_ENDED).filter(hostname__in=set(names))
    return frozenset(names) - frozenset(alive.values_list("hostname", flat=True))


def require_own_address(replica: Replica, known: KnownServers | None = None) -> None:
    """Raises ValidationError, by field, when an address of the replica belongs to another server that is known."""
    found = (known or KnownServers.read()).conflict(replica)
    if found is not None:
        name, address, server = found
        raise ValidationError({name: address_taken(address, server)})


def address_taken(address: str, server: Server) -> str:
    return _("%(address)s belongs to %(server)s. Enter the address of the new host, which must be a separate host.") % {
        "address": address,
        "server": server,
    }


def key_holder(hostname: str, fingerprint: str, states: Collection[str] = ALIVE) -> Server | None:
    """Return the other known server for which the key with that fingerprint is pinned."""
    keys = HostKey.objects.filter(fingerprint=fingerprint).exclude(hostname=hostname)
    names = set(keys.values_list("hostname", flat=True))
    if not names:
        return None
    master = Master.objects.filter(hostname__in=names - _gone()).select_related("realm").first()
    if master is not None:
        return Server(master.hostname, _("a master of %(realm)s") % {"realm": master.realm.name})
    replica = Replica.objects.filter(hostname__in=names, state__in=states).first()
    return Server(replica.hostname, _role(replica.state)) if replica is not None else None


def require_own_key(hostname: str, fingerprint: str) -> None:
    """Raises Conflict when a host presents the SSH host key of another server that is known."""
    if server := key_holder(hostname, fingerprint):
        raise key_taken(hostname, fingerprint, server)


def key_taken(hostname: str, fingerprint: str, server: Server) -> Conflict:
    return Conflict(
        _("%(host)s presents the SSH host key of %(server)s: %(fingerprint)s.")
        % {"host": hostname, "server": server, "fingerprint": fingerprint},
        _(
            "Either the address leads to that server, or both machines are clones of one image. Check the address. A "
            "clone needs its own SSH host keys before it can become a replica."
        ),
    )


def require_own_host(plan: Plan, facts: Mapping[str, Any]) -> None:
    """Raises Conflict when the plan would change a host that belongs to another server; `facts` are those of its run.

    A removal that skips the host, because the host is gone, does not change it; nor does one after an installation
    that was refused before it changed anything.
    """
    replica = Replica.objects.select_related("host_key").get(pk=plan.replica_id)
    if plan.action not in (PlanAction.INSTALL, *PLANS_OF_REMOVAL):
        return
    if plan.removes and (plan.frozen_job().options.host_gone_reason or not facts.get(CLAIMED)):
        return
    remedy = _("Cancel the plan, and request the replica on a separate host.")
    if plan.removes:
        remedy = _(
            "The removal would change that server. If the host of this replica no longer exists, request the removal "
            "again and state that the host is gone."
        )
    states = SERVING if plan.removes else ALIVE
    known = KnownServers.read(health=not plan.removes, states=states)
    if (found := known.conflict(replica)) and found[0] == SSH_ADDRESS:
        raise Conflict(address_taken(found[1], found[2]), remedy)
    if server := key_holder(replica.hostname, replica.host_key.fingerprint, states):
        raise Conflict(key_taken(replica.hostname, replica.host_key.fingerprint, server).message, remedy)
