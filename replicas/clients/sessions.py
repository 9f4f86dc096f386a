"""The sessions of one host: as many on one SSH connection as its sshd admits, and further connections where needed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncssh

from replicas.errors import HostError, PortalError

MOST = 8
"""Sessions at a time on one connection: sshd admits ten by default (MaxSessions)."""
CONNECTIONS = 6
"""Connections at a time: a step holds few sessions for long, and the rest come and go."""
PATIENCE_SECONDS = 1.0
"""How long nothing may end before another connection is opened: what is held may wait for what is wanted."""
DIAL_SECONDS = 0.5
"""The pause after the first further connection, which doubles: a host that admits no session is not to be flooded."""
LONGEST_SECONDS = 60.0
"""How long nothing may end, or be admitted, before the session is given up."""
FIRST_SECONDS = 20.0
"""The same for a host that has not admitted any session yet: no session of the portal is going to end there."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0

Process = asyncssh.SSHClientProcess[bytes]
Dial = Callable[[], Awaitable[asyncssh.SSHClientConnection]]


def lost(error: OSError) -> asyncssh.ConnectionLost:
    """Return the error for a connection that the kernel ended: asyncssh hands the socket's own to all who wait."""
    return asyncssh.ConnectionLost(str(error))


class _Link:
    """One connection, how many sessions it has, and how many its server is known to admit."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.busy, self.admitted = 0, MOST
        self.rests_until, self.refusals = 0.0, 0

    @property
    def open(self) -> bool:
        return not self.connection.is_closed()

    @property
    def free(self) -> bool:
        return self.open and self.busy < self.admitted and time.monotonic() >= self.rests_until

    def refused(self, pause: float) -> None:
        """Note that the server admits no more than there are now, and is not to be asked again at once."""
        # Without any other session on it, the server refuses all of them, for a while or for good.
        self.admitted = max(1, self.busy)
        self.rests_until, self.refusals = time.monotonic() + pause, self.refusals + 1


class Sessions:
    """Opens sessions, and waits for a free one where the server refuses more: a refusal is not a lost connection."""

    def __init__(self, host: str, connection: asyncssh.SSHClientConnection, dial: Dial | None) -> None:
        self._host, self._dial = host, dial
        self._links = [_Link(connection)]
        self._opening = asyncio.Lock()
        self._changed = asyncio.Event()
        self._progress = time.monotonic()
        self._told = self._admitted = False
        self._dials_after, self._dial_pause = 0.0, DIAL_SECONDS
        self.notify: Callable[[str], None] = lambda text: None
        """Gets a sentence when sessions have to wait, once for a host."""

    @property
    def connected(self) -> bool:
        """Whether the first connection is open, which the others only help."""
        return self._links[0].open

    async def close(self) -> None:
        for link in self._links:
            link.connection.close()
        for link in self._links:
            await link.connection.wait_closed()

    @contextlib.asynccontextmanager
    async def process(self, command: str, stdin: int, guard: Callable[[], None]) -> AsyncIterator[Process]:
        """Run a command in a session. `guard` is called right before each attempt.

        Raises HostError when the server admits no session for a while, and asyncssh's own errors.
        """
        link, process = await self._open(command, stdin, guard)
        try:
            yield process
        except OSError as error:
            if link.open:
                raise
            raise lost(error) from error
        finally:
            process.close()
            self._release(link)

    async def _open(self, command: str, stdin: int, guard: Callable[[], None]) -> tuple[_Link, Process]:
        start, pause, cause = time.monotonic(), SHORTEST_PAUSE, ""
        while True:
            link = self._free()
            if link is not None:
                guard()
                try:
                    process = await self._create(link, command, stdin)
                    self._admitted = True
                    return link, process
                except (asyncssh.ChannelOpenError, asyncssh.ConnectionLost) as error:
                    if link.open:
                        cause = error.reason
                        link.refused(pause)
                        self._tell(link)
                        self._give_up(link)
                    elif link is self._links[0]:
                        raise
            idle = time.monotonic() - max(start, self._progress)
            longest = LONGEST_SECONDS if self._admitted else min(FIRST_SECONDS, LONGEST_SECONDS)
            if idle > longest:
                raise self._exhausted(cause, longest)
            if idle > PATIENCE_SECONDS and await self._connect():
                continue
            await self._wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _create(self, link: _Link, command: str, stdin: int) -> Process:
        """Raises ChannelOpenError when the server admits no session, and ConnectionLost."""
        link.busy += 1
        try:
            return await link.connection.create_process(command, encoding=None, stdin=stdin)
        except BaseException as error:
            self._release(link, progress=False)
            if isinstance(error, OSError) and not link.open:
                raise lost(error) from error
            raise

    def _free(self) -> _Link | None:
        """The connection to use, the first one once it is lost: that is an error which callers know."""
        first = self._links[0]
        if not first.open:
            return first
        return min((link for link in self._links if link.free), key=lambda link: link.refusals, default=None)

    def _tell(self, link: _Link) -> None:
        if not self._told:
            self._told = True
            self.notify(
                f"The SSH server on {self._host} refused another session beside {link.busy} (MaxSessions); "
                "waiting for a free one"
            )

    def _release(self, link: _Link, progress: bool = True) -> None:
        link.busy -= 1
        if progress:
            self._progress = time.monotonic()
        self._changed.set()

    async def _wait(self, seconds: float) -> None:
        """Wait until a session ends, or that long: then the server may admit one again."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    async def _connect(self) -> bool:
        """Open another connection, if that is possible and still needed, and tell whether it was done."""
        async with self._opening:
            self._links[1:] = [link for link in self._links[1:] if link.open]
            if self._dial is None or len(self._links) >= CONNECTIONS or self._free() is not None:
                return False
            if time.monotonic() < self._dials_after:
                return False
            self._dials_after = time.monotonic() + self._dial_pause
            self._dial_pause *= 2
            try:
                connection = await self._dial()
            except PortalError as error:
                self.notify(f"No further SSH connection to {self._host}: {error.message}")
                return False
            self._links.append(_Link(connection))
            self.notify(f"Opened another SSH connection to {self._host}, as no session became free")
            return True

    def _give_up(self, link: _Link) -> None:
        """Close a further connection that has no session and gets none: a later one may get one."""
        if not link.busy and link is not self._links[0]:
            link.connection.close()
            self._links.remove(link)

    def _exhausted(self, cause: str, seconds: float) -> HostError:
        number = "further session" if self._admitted else "session"
        return HostError(
            f"The SSH server on {self._host} admitted no {number} within {seconds:g} s{f': {cause}' if cause else ''}.",
            f"See MaxSessions in the configuration of sshd on {self._host} (sshd -T), and the limits of its users.",
            retryable=True,
        )
