"""A server that resets the connection while a command is asked for: the kernel's error is a lost connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from typing import cast

import asyncssh
import pytest

from replicas.clients.sessions import Sessions


class Session(asyncssh.SSHServerSession[bytes]):
    """Resets the connection (RST) in the place of an answer to the request for a command."""

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.connection = chan.get_connection()

    def exec_requested(self, command: str) -> bool:
        opened = cast(socket.socket, self.connection.get_extra_info("socket"))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.abort()
        return True


class Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False

    def session_requested(self) -> Session:
        return Session()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key]) as listener:
        yield listener.get_port()


async def test_a_command_that_is_never_answered(port: int) -> None:
    async with asyncssh.connect("127.0.0.1", port, known_hosts=None, config=None, agent_path=None) as connection:
        sessions = Sessions("replica.example.com", connection, None)
        with pytest.raises(asyncssh.ConnectionLost, match="reset by peer"):
            async with sessions.process("true", asyncssh.DEVNULL, lambda: None):
                pass
        assert not sessions.connected
