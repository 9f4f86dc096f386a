"""Each test host has an address and an SSH host key of its own, as the portal demands."""

from __future__ import annotations

import base64
import hashlib

KNOWN = {
    "ipaserver.example.com": "192.0.2.10",
    "ipareplica.example.com": "192.0.2.11",
}


def host_key(hostname: str) -> str:
    """Return an OpenSSH public key line that belongs to this host alone."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + hashlib.sha256(hostname.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def address_of(hostname: str) -> str:
    """Return an address of a test network that no other host of the tests has."""
    digest = hashlib.sha256(hostname.encode()).digest()
    return KNOWN.get(hostname) or f"198.{18 + digest[0] % 2}.{digest[1]}.{1 + digest[2] % 254}"


def address6_of(hostname: str) -> str:
    return f"2001:db8::{hashlib.sha256(hostname.encode()).hexdigest()[:4].lstrip('0') or '1'}:21"
