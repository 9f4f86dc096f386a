"""Why a server gave no session, read from the status, the reason and the body of what it answered."""

from __future__ import annotations

import re

import httpx

from replicas.clients.freeipa import errors
from replicas.errors import WrongPassword

REASONS = {
    "password-expired": ("The password has expired.", "Change it with kinit, then store the new one."),
    "krbprincipal-expired": ("The account has expired.", "Extend the principal's expiration, or use another account."),
    "user-locked": ("The account is locked.", "Unlock it with ipa user-unlock."),
    "denied": ("The account may not sign in.", "See the account's authentication types and sign-in rules."),
}
NO_TICKET = "See /var/log/httpd/error_log (or apache2's) there, and compare the clocks of both machines."
NO_REFERER = re.compile(r"referer|<strong>\s*denied\s*</strong>", re.IGNORECASE)
"""In the body of a status 400: releases that insist on a Referer say no more than «denied», and only of that."""
UNKNOWN_CLIENT = re.compile(r"\bClient .* not found in Kerberos database")
NOT_UNDERSTOOD = "See /var/log/httpd/error_log (or apache2's) there for what it takes exception to."


def of_sign_in(
    server: str, user: str, response: httpx.Response, *, by_ticket: bool
) -> WrongPassword | errors.FreeIpaError:
    """The error for a sign-in that was refused. Nothing of its body is repeated."""
    reason = response.headers.get("X-IPA-Rejection-Reason", "")
    if response.status_code != httpx.codes.UNAUTHORIZED:
        return odd(server, "the sign-in", response)
    if reason == "invalid-password":
        return _by_kinit(server, user, response.text)
    if by_ticket:
        return errors.LoginRefused(f"{server} refused the ticket of {user}.", remedy=NO_TICKET)
    message, remedy = REASONS.get(reason, (f"Reason given: {reason or 'none'}.", ""))
    return errors.LoginRefused(f"{server} refused {user}. {message}", remedy=remedy)


def _by_kinit(server: str, user: str, said: str) -> WrongPassword | errors.FreeIpaError:
    """The server calls a password invalid whatever kept its own kinit from a ticket, and shows what that printed."""
    # This comes first, as it is the one that repeats the user's name, which may hold the others' words.
    if UNKNOWN_CLIENT.search(said):
        return errors.UnknownAccount(
            f"{server} knows no account {user}.", "Correct the account's name, or add the account to the realm."
        )
    if "Cannot contact any KDC" in said:
        return errors.KdcLost(
            f"{server} cannot reach a KDC of its realm, and did not check the password of {user}.",
            remedy="See that krb5kdc runs there (ipactl status).",
        )
    if "Clock skew too great" in said:
        return errors.ClockSkew(
            f"The clocks of {server} and of its KDC differ too much to check the password of {user}.",
            remedy="Set the clock that is wrong, for instance with chronyc makestep.",
        )
    return WrongPassword(f"{server} does not know {user} with this password.")


def odd(server: str, what: str, response: httpx.Response) -> errors.FreeIpaError:
    """An answer that has no result: a status 400, or none of FreeIPA's: its web server alone, while the rest starts."""
    status = response.status_code
    if status == httpx.codes.BAD_REQUEST:
        if NO_REFERER.search(response.text):
            return errors.WrongReferer(f"{server} does not take {server} for its own name.")
        return errors.FreeIpaError(f"{server} did not understand {what}: HTTP status {status}.", remedy=NOT_UNDERSTOOD)
    kind = errors.ServerLost if response.is_server_error else errors.FreeIpaError
    return kind(f"{server} answered {what} with HTTP status {status}, and not as FreeIPA does.")
