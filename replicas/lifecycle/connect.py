"""Opening connections with the portal's own key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replicas import sshkey
from replicas.clients import ssh
from replicas.lifecycle.job import Endpoint

if TYPE_CHECKING:
    from replicas.clients.ssh import Host


async def connect(endpoint: Endpoint) -> Host:
    """Raises HostUnreachable, HostKeyChanged."""
    return await ssh.connect(endpoint, sshkey.private_key_path())
