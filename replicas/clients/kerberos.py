"""Prove a Kerberos password with a real ticket, got on a host and forgotten at once."""

from __future__ import annotations

from dataclasses import dataclass

from replicas.clients.host import Host

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Ticket:
    """What klist said: whose ticket, for which service, and its end in the host's local time."""

    principal: str
    service: str
    expires: str


async def prove(host: Host, principal: str, password: str, realm: str, kdcs: tuple[str, ...]) -> Ticket:
    """Get a ticket on `host` from the KDCs (names or addresses) with a krb5.conf and a cache of its own, in /run.

    Raises WrongPassword; StepError for an unknown principal, a KDC that cannot be reached, clocks too far apart, and an
    account that is locked or has expired.
    """
    answer = await host.python(
        "ticket",
        {"principal": principal, "password": password, "realm": realm, "kdcs": [_bracketed(kdc) for kdc in kdcs]},
        timeout=SECONDS,
    )
    return Ticket(answer["principal"], answer["service"], answer["expires"])


def _bracketed(kdc: str) -> str:
    """IPv6 addresses need brackets in krb5.conf."""
    return f"[{kdc}]" if ":" in kdc else kdc
