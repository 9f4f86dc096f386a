"""Start a command behind whatever a login prints: only what comes after the command's own mark is its output.

sshd hands every command to the user's login shell, which reads startup files first. Those can print to both streams,
trace, read standard input, start another shell or end. The shell can be one that quotes differently. So the shell gets
one line that every shell reads alike. It starts `sh` with an environment that startup files cannot change; `sh` prints
a random mark on both streams and becomes the command. Input is sent after the mark, so no startup file reads it.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import shlex
from dataclasses import dataclass

import asyncssh

from replicas.errors import HostError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SUDO = ("sudo", "-n", "--")
SECONDS = 30.0
"""The longest time from the start of a session to the mark. Accounts from LDAP can take some seconds."""
SHOWN = 120
"""Characters of a login's output that an error quotes."""

Process = asyncssh.SSHClientProcess[bytes]


class NotStarted(Exception):
    """The session ended before the mark; `stderr` is what was printed there."""

    def __init__(self, stdout: bytes, stderr: bytes) -> None:
        super().__init__("the session ended before the mark")
        self.stdout, self.stderr = stdout, stderr


@dataclass(frozen=True, slots=True)
class Launch:
    """A command as the login shell gets it, and the marks that come before its output, in order."""

    command: str
    marks: tuple[bytes, ...]

    @property
    def by_sudo(self) -> bool:
        """Whether sudo comes between the first mark and the second."""
        return len(self.marks) > 1


def prepare(argv: tuple[str, ...], sudo: bool) -> Launch:
    """Return what starts `argv` as root with LC_ALL=C, by sudo where that is needed."""
    marks = tuple(f"replica-portal-{secrets.token_hex(12)}" for _ in range(1 + sudo))
    script = _after(marks[-1], ("env", "LC_ALL=C", *argv) if sudo else argv)
    if sudo:
        script = _after(marks[0], (*SUDO, "sh", "-c", script))
    # Neither a quote, a backslash, a line break nor an exclamation mark: those mean different things to csh and fish.
    coded = base64.b64encode(script.encode()).decode("ascii")
    start = f'eval "$(echo {coded} | base64 -d)"'
    # Without the login's environment, in which a traced or redefined `sh` could be hidden (SHELLOPTS, BASH_ENV).
    command = f"exec /usr/bin/env -i HOME=\"$HOME\" PATH={PATH} LC_ALL=C sh -c '{start}'"
    return Launch(command, tuple(f"{mark}\n".encode() for mark in marks))


def _after(mark: str, argv: tuple[str, ...]) -> str:
    """A script that prints the mark on both streams, and becomes the command."""
    # Standard output last: whoever reads it there finds it on the other stream at once.
    return f"echo {mark} >&2; echo {mark}; exec {shlex.join(argv)}"


async def skip(process: Process, mark: bytes) -> None:
    """Read both streams up to the mark. Raises NotStarted, TimeoutError."""
    async with asyncio.timeout(SECONDS):
        stdout, stderr = await asyncio.gather(_until(process.stdout, mark), _until(process.stderr, mark))
    if not (stdout.endswith(mark) and stderr.endswith(mark)):
        raise NotStarted(stdout, stderr)


async def _until(stream: asyncssh.SSHReader[bytes], mark: bytes) -> bytes:
    """What came up to the mark, or up to the end of the stream."""
    seen = b""
    while not seen.endswith(mark) and not stream.at_eof():
        try:
            seen += await stream.readuntil(mark)
        except asyncio.IncompleteReadError as error:
            # More than the window holds, or the end.
            seen += error.partial
            if not error.partial:
                break
    return seen


def other_shell(host: str, user: str, error: NotStarted) -> HostError:
    """The error for a session in which something else than the command ran."""
    words = _words(error.stdout) or _words(error.stderr)
    return HostError(
        f"The SSH server on {host} does not run the portal's commands as {user}: the session ended before the command "
        f"began{f', and printed {words!r}' if words else ''}.",
        f"The login shell, its startup files or a forced command of {user} end the session or start another program. "
        f'Let {user} run commands over SSH: "ssh {user}@{host} true" must succeed.',
    )


def silent(host: str, user: str) -> HostError:
    """The error for a session in which the command does not begin."""
    return HostError(
        f"The login shell of {user} on {host} did not start the portal's command within {SECONDS:g} s.",
        f"See whether {host} is overloaded, and whether the startup files of {user}, such as ~/.bashrc, wait for input "
        "or start another program. They must not do so in sessions without a terminal.",
        retryable=True,
    )


def _words(output: bytes) -> str:
    """The first line that a login printed, as far as it can be shown."""
    text = "".join(letter for letter in output.decode("utf-8", "replace") if letter.isprintable() or letter == "\n")
    return (text.strip().partition("\n")[0])[:SHOWN].strip()
