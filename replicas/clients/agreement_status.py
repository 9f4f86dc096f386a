"""What a supplier of 389 Directory Server says of its last update: fine, tried again by itself, or broken."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["fine", "retrying", "failing", "broken"]
"""`retrying`: the consumer is busy. `failing`: it was not reached, and the supplier tries again.

`broken`: an administrator has to act.
"""

TEXT = re.compile(r"\s*(?:Error \((-?\d+)\)|(-?\d+))\s*(.*)", re.DOTALL)
LDAP_ERROR = re.compile(r"LDAP error|System error", re.IGNORECASE)
GIVEN_UP = re.compile(r"aborting|(?:must|needs to) be reinitialized|requires? (?:a )?total update", re.IGNORECASE)
BUSY, DENIED, INTERNAL, UP_TO_DATE, BACKOFF = 1, 3, 8, 13, 14
RELEASED, CONNECTION_ERROR, CONNECTION_TIMEOUT, TRANSIENT, NO_RESPONSE = 9, 16, 17, 18, 255
REPLICATION: dict[int, Kind] = {
    0: "fine",
    RELEASED: "fine",
    UP_TO_DATE: "fine",
    BUSY: "retrying",
    BACKOFF: "retrying",
    TRANSIENT: "retrying",
    DENIED: "failing",
    INTERNAL: "failing",
    CONNECTION_ERROR: "failing",
    CONNECTION_TIMEOUT: "failing",
    NO_RESPONSE: "failing",
}
"""By response code of the replication protocol. The others need an administrator: another database generation, say.

Permission is denied for up to a minute to a new supplier: a consumer reads the group of its suppliers now and then.
"""
DENIAL = re.compile(r"permission denied", re.IGNORECASE)
DENIAL_SECONDS = 70.0
"""A consumer reads the group of its suppliers once a minute (nsds5ReplicaBindDNGroupCheckInterval)."""
LDAP_BUSY = frozenset((51, 52, 53))
"""busy, unavailable, unwillingToPerform (RFC 4511): what a server answers that starts, stops or is initialized."""
LDAP_UNREACHED = frozenset((3, 80, 81, 82, 85, 91))
"""timeLimitExceeded and other, and what LDAP libraries report for connections. Theirs are also negative numbers."""


@dataclass(frozen=True, slots=True)
class Status:
    """The outcome of an agreement's last attempt; `tried` tells one attempt from the next."""

    kind: Kind = "fine"
    text: str = ""
    tried: str = ""


def read(text: str, structured: str = "") -> Status:
    """Classify nsds5replicaLastUpdateStatus, with the JSON that newer servers have beside it."""
    known = _object(structured)
    words = str(known.get("message") or text).strip()
    if not words:
        return Status()
    codes = _code(known.get("ldap_rc")), _code(known.get("repl_rc"))
    kind = _kind(*codes, words) if None not in codes else _by_text(words)
    if kind == "broken" and known.get("state") == "amber":
        kind = "retrying"
    return Status(kind, "" if kind == "fine" else words, str(known.get("date", "")))


def _by_text(words: str) -> Kind:
    found = TEXT.match(words)
    if found is None:
        return "broken"
    code, message = int(found[1] or found[2]), found[3]
    return _kind(code, 0, words) if code < 0 or LDAP_ERROR.search(message) else _kind(0, code, words)


def _kind(ldap: int | None, replication: int | None, words: str) -> Kind:
    if GIVEN_UP.search(words):
        return "broken"
    if ldap:
        if ldap in LDAP_BUSY:
            return "retrying"
        return "failing" if ldap < 0 or ldap in LDAP_UNREACHED else "broken"
    return REPLICATION.get(replication or 0, "broken")


def _object(structured: str) -> dict[str, Any]:
    try:
        known = json.loads(structured) if structured else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _code(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def passes_within(words: str) -> float:
    """Return for how many seconds attempts may fail with these words before an administrator has to act."""
    return DENIAL_SECONDS if DENIAL.search(words) else 0.0
