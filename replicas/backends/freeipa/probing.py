"""Read what a master is and offers: its authority over SSH, everything else over the realm's own interface."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from replicas.backends.freeipa import access, installer_options, realm
from replicas.clients.certificates import canonical
from replicas.clients.freeipa.errors import NotFound
from replicas.clients.freeipa.session import Session
from replicas.errors import CommandFailed, StepError
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import JSON

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

REMEDY = "Register a server of a FreeIPA or Red Hat IdM realm, by its own full name."


async def probe(master: Host, password: str) -> Capabilities:
    """Raises StepError when the host is no server of a realm that is served, WrongPassword, FreeIpaError."""
    try:
        content = await master.read(access.CA_CERTIFICATE)
    except CommandFailed as error:
        raise StepError(
            f"{master.name} is not a server of a FreeIPA realm: it has no {access.CA_CERTIFICATE}.", REMEDY
        ) from error
    authority = certificates_in(content, master.name)
    async with Session.open(
        master.name, master.address, authority, access.ADMIN, password, port=access.HTTPS
    ) as session:
        found = await read(session, authority)
        policy = await forward_policy(session) if found.dns else ""
    options: list[JSON] = [*sorted(await installer_options.listed(master, installer_options.REPLICA))]
    more: dict[str, JSON] = {"forward_policy": policy, installer_options.OFFER: options}
    return replace(found, offers={**found.offers, **more})


def certificates_in(content: bytes, host: str) -> str:
    """The PEM certificates of a file, and nothing else that may be in it. Raises StepError."""
    if found := canonical(content):
        return found
    raise StepError(f"{access.CA_CERTIFICATE} on {host} holds no certificate that can be read.", REMEDY)


async def read(session: Session, authority: str) -> Capabilities:
    """Raises StepError for a server that is another one, of a release or at a domain level that is not served."""
    known = await realm.facts(session)
    if known["host"] != session.server:
        raise StepError(f"The server at that address calls itself {known['host']}, not {session.server}.", REMEDY)
    level = await realm.require_served(session, known)
    enabled = {name: bool((await session.call(f"{name}_is_enabled")).value) for name in ("ca", "kra", "dns")}
    holders = await realm.providers(session)
    topology, trusting = await _topology(session)
    return Capabilities(
        realm=str(known["realm"]),
        domain=str(known["domain"]),
        suffix=str(known["basedn"]),
        dns=enabled["dns"],
        ca=session.server in holders["CA"],
        ca_certificate=authority,
        versions={"FreeIPA": str(known["version"]), "API": str(known["api_version"])},
        offers={
            "domain_level": level,
            "fips": bool(known["fips_mode"]),
            "realm_has_ca": enabled["ca"],
            "realm_has_kra": enabled["kra"],
            "roles": {**{role: list(names) for role, names in holders.items()}, "AD trust": list(trusting)},
            **topology,
        },
    )


async def _topology(session: Session) -> tuple[dict[str, JSON], list[str]]:
    """Servers, locations and segments; and which of the servers are trust controllers."""
    suffixes = await realm.suffixes(session)
    segments = await realm.segments(session, suffixes)
    locations = [str(one["idnsname"][0]) for one in await session.find("location_find")]
    servers = await realm.servers(session)
    found: dict[str, JSON] = {
        "servers": [_described(one) for one in servers],
        "locations": list(locations),
        "segments": [[one.suffix, one.left, one.right] for one in segments],
    }
    return found, realm.trusting(servers)


def _described(server: realm.Server) -> dict[str, JSON]:
    return {"name": server.name, "roles": list(server.roles), "location": server.location}


async def forward_policy(session: Session) -> str:
    """The realm's own, which a server's own goes before. Empty when there is none."""
    try:
        shown: dict[str, Any] = (await session.call("dnsconfig_show", all=True)).value
    except NotFound:
        return ""
    return str((shown.get("idnsforwardpolicy") or [""])[0])
