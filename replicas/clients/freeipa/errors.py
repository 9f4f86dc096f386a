"""What a FreeIPA server refuses, one class for each code that callers tell apart."""

from __future__ import annotations

import ssl

from replicas.errors import PortalError, WrongPassword


class FreeIpaError(PortalError):
    """A FreeIPA server did not do what it was asked to; `code` is its own, 0 where it gave none."""

    usually = ""
    """The remedy, unless a caller knows a better one."""

    def __init__(self, message: str, code: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy or self.usually)
        self.code = code


class ServerLost(FreeIpaError):
    """The server cannot be reached, or gave no answer in time. A call may have taken effect nevertheless."""

    retryable = True
    usually = "See whether its web server runs (ipactl status) and port 443 is open."


class Untrusted(FreeIpaError):
    """The server's certificate is not of the pinned authority, not for the server's name, or not valid now.

    Nothing was sent to it.
    """

    usually = "Compare the CA certificate with /etc/ipa/ca.crt on the server."


class LoginRefused(FreeIpaError):
    """The account may not sign in, for another reason than a wrong password."""


class UnknownAccount(WrongPassword):
    """The realm has no account of the name that signs in."""


class WrongKeytab(WrongPassword):
    """The keytab has no key that the realm's KDC accepts."""


class KdcLost(ServerLost):
    """The realm's KDC cannot be reached, or gave no answer in time."""

    usually = "See that krb5kdc runs there (ipactl status), and that port 88 (TCP) is open for the portal."


class ClockSkew(FreeIpaError):
    """The clocks differ by more than Kerberos allows."""


class Internal(FreeIpaError):
    """The server failed within (903)."""

    usually = "See /var/log/httpd/error_log on the server."


class UnknownCommand(FreeIpaError):
    """The server has no such command (905): it is older than what was asked of it, or lacks the service."""


class WrongReferer(FreeIpaError):
    """The name that the server was called by is not its own (911, or status 400)."""

    usually = "Give the server's own full name, not an alias or an address."


class NoPermission(FreeIpaError):
    """The account's privileges do not reach (2100)."""

    usually = "Give the account the role or privilege that the operation needs; members of admins have all."


class Invalid(FreeIpaError):
    """An argument or option is missing or not acceptable (3007, 3009)."""


class NotFound(FreeIpaError):
    """There is no such entry (4001)."""


class Duplicate(FreeIpaError):
    """There is such an entry already (4002)."""


class Unresolvable(FreeIpaError):
    """The host's name has no A or AAAA record (4019)."""

    usually = "Add its address to the DNS zone first."


class WrongDomainLevel(FreeIpaError):
    """The realm's domain level does not allow the operation (4032)."""


class RemovalRefused(FreeIpaError):
    """Removing the server would disconnect the topology, or leave the realm without a role (4033)."""


class DatabaseRefused(FreeIpaError):
    """The directory behind the server refused the change (4203)."""


class MembersRefused(FreeIpaError):
    """Some entries were not added to a group, or not removed from it."""


class Truncated(FreeIpaError):
    """There is more than the server's limit for one search lets it tell."""

    usually = "Raise the limit for records in a search in the realm's configuration (ipa config-mod)."


BY_CODE: dict[int, type[FreeIpaError]] = {
    903: Internal,
    905: UnknownCommand,
    911: WrongReferer,
    2100: NoPermission,
    3007: Invalid,
    3009: Invalid,
    4001: NotFound,
    4002: Duplicate,
    4019: Unresolvable,
    4032: WrongDomainLevel,
    4033: RemovalRefused,
    4203: DatabaseRefused,
}


# By OpenSSL's codes (X509_V_ERR_…); with every other one the authority is to be looked at.
NOT_YET_VALID, EXPIRED, OTHER_NAME = 9, 10, 62
UNTRUSTED = {
    NOT_YET_VALID: "Set the clock that is wrong, the portal's or the server's, for instance with chronyc makestep.",
    EXPIRED: "See that the portal's clock is right, then renew what has expired there: getcert list tells whether that "
    "is the server's certificate or its authority's.",
    OTHER_NAME: "Give the server's own full name, not an alias or an address.",
}


def untrusted(server: str, error: ssl.SSLCertVerificationError) -> Untrusted:
    """The error for what OpenSSL found wrong with the server's certificate."""
    found = error.verify_message.rstrip(".")
    return Untrusted(f"The certificate of {server} is refused: {found}.", remedy=UNTRUSTED.get(error.verify_code, ""))


def refusal(server: str, command: str, code: int, message: str) -> FreeIpaError:
    """The error for a code; a code without a class of its own is a plain FreeIpaError."""
    return BY_CODE.get(code, FreeIpaError)(f"{server} refused {command}: {message}", code)
