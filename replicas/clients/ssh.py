"""SSH to pinned hosts: keys, connecting, and the meaning of every way it can fail."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncssh

from replicas.clients.host import Host, Result, Stream
from replicas.errors import HostError, HostKeyChanged, HostUnreachable
from replicas.lifecycle.job import Endpoint

KEY_PREFERENCE = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
KEEPALIVE_SECONDS = 5
ADMITTED_SECONDS = 10.0
DROPPED = (asyncssh.ConnectionLost, ConnectionResetError)
"""What it looks like when sshd closes a connection before any key exchange: it admits some at a time (MaxStartups)."""
T = TypeVar("T")
REACH_REMEDY = "Check that the host is up, that the address is right, and that a firewall lets port {port} through."


async def fetch_host_key(address: str, port: int = 22, timeout: float = 10) -> str:
    """The key the host presents now, as an OpenSSH line («ssh-ed25519 AAAA…»), for a person to compare.

    Raises HostUnreachable.
    """
    try:
        key = await _admitted(lambda: _fetch(address, port, timeout))
    except (OSError, asyncssh.Error) as error:
        raise _unreachable(address, address, port, error, timeout) from error
    if key is None:
        raise HostUnreachable(f"{address} presented no SSH host key on port {port}.")
    return key.export_public_key("openssh").decode("ascii").strip().partition("\n")[0]


async def _fetch(address: str, port: int, timeout: float) -> asyncssh.SSHKey | None:
    async with asyncio.timeout(timeout):
        return await asyncssh.get_server_host_key(address, port, server_host_key_algs=KEY_PREFERENCE, config=None)


def fingerprint(host_key: str) -> str:
    """«SHA256:…», as `ssh-keygen -l` prints it. Raises HostError for a line that is not a public key."""
    return _parse(host_key).get_fingerprint("sha256")


async def connect(endpoint: Endpoint, private_key: Path, timeout: float = 10) -> Host:
    """Open a connection that trusts the pinned key only: no known_hosts file, agent, password or user configuration.

    Raises HostUnreachable and HostKeyChanged; the second before anything was sent to the host.
    """

    async def dial() -> asyncssh.SSHClientConnection:
        return await _connect(endpoint, private_key, timeout)

    return Host(endpoint, await dial(), dial)


async def _connect(endpoint: Endpoint, private_key: Path, timeout: float) -> asyncssh.SSHClientConnection:
    recorder = _Recorder()
    pinned, key = _parse(endpoint.host_key), _private(private_key)
    try:
        return await _admitted(
            lambda: asyncssh.connect(
                endpoint.address,
                endpoint.port,
                username=endpoint.user,
                client_keys=[key],
                known_hosts=([pinned], [], []),
                client_factory=lambda: recorder,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                gss_host=None,
                connect_timeout=timeout,
                login_timeout=timeout,
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=4,
            ),
            lambda: not recorder.greeted,
        )
    except asyncssh.HostKeyNotVerifiable as error:
        raise _key_changed(endpoint, recorder.seen[-1].get_fingerprint("sha256")) from error
    except asyncssh.PermissionDenied as error:
        raise HostUnreachable(
            f"{_name(endpoint)} does not accept the portal's SSH key for {endpoint.user}.",
            f"Add the portal's public key to ~{endpoint.user}/.ssh/authorized_keys on {endpoint.hostname}.",
            retryable=False,
        ) from error
    except (OSError, asyncssh.Error) as error:
        if isinstance(error, (asyncssh.KeyExchangeFailed, *DROPPED)):
            await _check_kind(endpoint, timeout)
        raise _unreachable(endpoint.hostname, endpoint.address, endpoint.port, error, timeout) from error


async def _admitted(attempt: Callable[[], Awaitable[T]], early: Callable[[], bool] = lambda: True) -> T:
    """Try again for a while when the server closes the connection right away: it admits no more logins (MaxStartups).

    `early` tells whether it did so before it said anything.
    """
    end, pause = time.monotonic() + ADMITTED_SECONDS, 0.1
    while True:
        try:
            return await attempt()
        except DROPPED:
            if not early() or time.monotonic() + pause > end:
                raise
        # Spread, as others are refused at the same moment.
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        pause = min(2 * pause, 2.0)


class _Recorder(asyncssh.SSHClient):
    """Notes whether the server said anything, and a key that is not the pinned one, so that messages can show it."""

    def __init__(self) -> None:
        self.seen: list[asyncssh.SSHKey] = []
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def greeted(self) -> bool:
        """Whether the server sent its version, which is the first thing that it sends."""
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen.append(key)
        return False


async def _check_kind(endpoint: Endpoint, timeout: float) -> None:
    """Raise HostKeyChanged when no session came about because the host has no key of the pinned kind any more."""
    try:
        presented = await fetch_host_key(endpoint.address, endpoint.port, timeout)
    except HostUnreachable:
        return
    if presented.split()[0] != endpoint.host_key.split()[0]:
        raise _key_changed(endpoint, fingerprint(presented))


def _key_changed(endpoint: Endpoint, presented: str) -> HostKeyChanged:
    return HostKeyChanged(
        f"The SSH host key of {_name(endpoint)} is not the pinned one: "
        f"pinned {fingerprint(endpoint.host_key)}, presented {presented}.",
        "Find out why before going on: either the host was reinstalled, or something else answers at its address. "
        "If the new key is right, an administrator compares it on the host's console and accepts it. The plan holds "
        "for the key that it was made with: request it again.",
    )


def _parse(host_key: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(host_key)
    except asyncssh.KeyImportError as error:
        raise HostError("The pinned host key is not an OpenSSH public key.", "Pin the host's key again.") from error


def _private(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise HostError(
            f"The portal's SSH key {path} cannot be read: {error}.",
            "Name an unencrypted OpenSSH private key that the portal's user can read.",
        ) from error


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.hostname} ({endpoint.address})"


def _unreachable(hostname: str, address: str, port: int, error: Exception, timeout: float) -> HostUnreachable:
    if isinstance(error, TimeoutError):
        cause = f"no answer within {timeout:g} s"
    elif isinstance(error, OSError) and error.errno:
        cause = os.strerror(error.errno).lower() if error.errno > 0 else str(error.strerror)
    else:
        cause = (str(error) or type(error).__name__).rstrip(".")
    where = hostname if hostname == address else f"{hostname} ({address})"
    return HostUnreachable(f"{where} cannot be reached by SSH on port {port}: {cause}.", REACH_REMEDY.format(port=port))


__all__ = ["Host", "Result", "Stream", "connect", "fetch_host_key", "fingerprint"]
