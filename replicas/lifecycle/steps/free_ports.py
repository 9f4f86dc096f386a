"""The ports that an installation binds, and what listens there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from replicas.errors import StepError
from replicas.lifecycle.base import Context

LOCAL = ("127.0.0.1", "::1")
IDENTITY = frozenset({"ns-slapd", "slapd", "krb5kdc", "kadmind", "kdc", "samba", "named", "named-pkcs11"})
"""Programs of directories, Kerberos servers and name servers."""


@dataclass(frozen=True, slots=True)
class Service:
    """What will be installed, its ports, and the programs that may run there already as it takes them over.

    `apart`: it binds each address by itself, so that a listener on another loopback address (such as that of
    systemd-resolved) is not in its way.
    """

    name: str
    ports: tuple[tuple[int, str], ...]
    programs: tuple[str, ...] = ()
    apart: bool = False


def tcp(*numbers: int) -> tuple[tuple[int, str], ...]:
    return tuple((number, "tcp") for number in numbers)


def udp(*numbers: int) -> tuple[tuple[int, str], ...]:
    return tuple((number, "udp") for number in numbers)


DIRECTORY = Service("the Directory Server", tcp(389, 636))
KERBEROS = Service("the Kerberos KDC", tcp(88, 464, 749) + udp(88, 464))
WEB = Service("the web server", tcp(80, 443), ("apache2", "httpd"))
TIME = Service("the time service", udp(123), ("chronyd",))
# Some releases of FreeIPA have a program of another name.
DNS = Service("the name server", tcp(53) + udp(53), ("named", "named-pkcs11"), apart=True)
CA = Service("the certificate authority", tcp(8005, 8009, 8080, 8443))
TRUST = Service("Samba", tcp(135, 138, 139, 445, 3268) + udp(138, 139, 445), ("smbd", "nmbd", "winbindd", "samba"))


async def require(ctx: Context, services: Sequence[Service]) -> str:
    """Return a sentence when each port is free, or its own service listens there. Raises StepError, HostError."""
    replica = await ctx.host("replica")
    wanted = {port: service for service in services for port in service.ports}
    if not wanted:
        return "No port is needed"
    answer = await replica.python("sockets", {"ports": sorted({number for number, _ in wanted})})
    found = [one for one in answer["listeners"] if _in_the_way(one, wanted.get((one["port"], one["protocol"])))]
    numbers = ", ".join(map(str, sorted({number for number, _ in wanted})))
    if not found:
        return f"The ports {numbers} of {replica.name} are free for what is installed"
    raise StepError(
        f"{replica.name} has listeners on ports that the installation needs: {_described(found, wanted)}.",
        _remedy(replica.name, found),
    )


def _in_the_way(listener: dict[str, Any], service: Service | None) -> bool:
    if service is None or listener["process"] in service.programs:
        return False
    address = ip_address(listener["address"])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return not (service.apart and mapped.is_loopback and str(mapped) not in LOCAL)


def _described(found: Iterable[dict[str, Any]], wanted: dict[tuple[int, str], Service]) -> str:
    """Each port with its process and its service: '80/tcp (nginx, for the web server)'."""
    lines = dict[str, None]()
    for one in sorted(found, key=lambda one: (one["port"], one["protocol"], one["address"])):
        where = f"[{one['address']}]" if ":" in one["address"] else one["address"]
        process = one["process"] or "a process that is not known"
        name = wanted[one["port"], one["protocol"]].name
        lines[f"{process} on {where}:{one['port']}/{one['protocol']}, which {name} needs"] = None
    return "; ".join(lines)


def _remedy(host: str, found: Iterable[dict[str, Any]]) -> str:
    """Return what to do, naming only what was seen; what serves a realm is not to be stopped."""
    found = list(found)
    units = sorted({one["unit"] for one in found if one["unit"]})
    if any(one["process"] in IDENTITY for one in found):
        serving = sorted({one["unit"] or one["process"] for one in found if one["process"] in IDENTITY})
        return f"{', '.join(serving)} may serve a realm: choose another host than {host}."
    if not units:
        return f"See ss -lntup on {host}. If it is in use, choose another host; if not, stop it."
    return f"If {', '.join(units)} is in use there, choose another host than {host}; if not, stop it."
