"""One small tree of expected failures; each says what is wrong, the remedy, and whether trying again helps."""

from __future__ import annotations

import re
import signal

ENDED = (128 + signal.SIGKILL, 128 + signal.SIGTERM)
"""Statuses of timeout(1) and of shells whose command a signal ended, as it does when a host goes down."""
GOING_DOWN = re.compile(
    "Failed to connect to bus|Transport endpoint is not connected|Transaction .* is destructive|System is going down"
)
"""What systemd and PAM say of a host that shuts down or has only just begun to start."""


class PortalError(Exception):
    """An expected failure, worded for the person who has to act on it.

    `message` names the thing that is wrong, `remedy` says what to do about it, and `retryable` tells whether the same
    attempt can succeed later without anybody changing anything. None of them ever holds a secret.
    """

    retryable = False

    def __init__(self, message: str, remedy: str = "", *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class NotAllowed(PortalError):
    """The actor's role does not permit the action."""


class Conflict(PortalError):
    """The object is no longer in the state that the action needs."""


class StepError(PortalError):
    """A step cannot reach its goal."""


class HostError(PortalError):
    """Something between the portal and a host over SSH."""


class HostUnreachable(HostError):
    """No SSH session could be opened, or it was lost."""

    retryable = True


class HostKeyChanged(HostError):
    """The host presented another key than the pinned one. Nothing has been sent to it."""


class CommandFailed(HostError):
    """A command on a host ended with a status that it should not have.

    One that a signal ended, or that systemd refused because the host goes down, can succeed once the host is back.
    """

    def __init__(self, host: str, program: str, status: int, output: str, remedy: str = "") -> None:
        last = output.strip().splitlines()[-1:] or ["no output"]
        number = -status if status < 0 else status - 128 if status in ENDED else 0
        how = f"was ended by signal {number}" if number else f"ended with status {status}"
        leaving = bool(number or GOING_DOWN.search(output))
        super().__init__(
            f"{program} on {host} {how}: {last[0]}",
            remedy or (f"See whether {host} was shut down or ran out of memory." if leaving else ""),
            retryable=leaving,
        )
        self.host, self.program, self.status, self.output = host, program, status, output


class DirectoryError(PortalError):
    """An LDAP operation was refused or could not be sent."""


class DirectoryLost(DirectoryError):
    """A directory that had accepted the connection does not answer on it any more."""

    retryable = True


class WrongPassword(PortalError):
    """A password was given that the server does not accept."""


class DnsError(PortalError):
    """A DNS query or update failed."""


class BundleError(PortalError):
    """A bundle cannot be sealed, opened, or used for this host."""
