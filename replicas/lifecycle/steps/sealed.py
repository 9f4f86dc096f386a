"""The bundle of a run, as its facts tell of it: sealed, opened, revoked, removed.

A bundle is told by its digest (`bundle_sha256`), and what became of it by a fact of its own that has this digest as
its value; so whatever is known of an earlier bundle says nothing about the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from replicas.errors import BundleError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import JSON

SHA256, SIZE, SERIALS = "bundle_sha256", "bundle_size", "certificate_serials"
EXPIRES = "bundle_expires_at"
"""Fact: when it may no longer be opened for the first time (ISO 8601)."""
OPENED = "bundle_opened"
REVOKED = "bundle_revoked"
REMOVING, REMOVED = "bundle_removing", "bundle_removed"
"""The intent, noted first, so that whoever takes over does not miss a file that the run itself removed; and the end."""
ANOTHER = "Try again: its certificates are revoked, and a new bundle is sealed."

Facts = Mapping[str, JSON]


def is_about(facts: Facts, fact: str) -> bool:
    """Whether a fact (OPENED, ...) is about the bundle that was sealed last."""
    return bool(facts.get(SHA256)) and facts.get(fact) == facts.get(SHA256)


def expiry(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


def expires_at(facts: Facts) -> datetime | None:
    text = facts.get(EXPIRES)
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def expired(facts: Facts) -> bool:
    """Whether its time ran out before it was opened; once open it belongs to this run, however long that takes."""
    end = expires_at(facts)
    return end is not None and not is_about(facts, OPENED) and datetime.now(UTC) >= end


def usable(facts: Facts) -> bool:
    """Whether there is one that may be used, or go on being used."""
    return bool(facts.get(SHA256)) and not is_about(facts, REVOKED) and not expired(facts)


def require_usable(ctx: Context) -> None:
    """Raises BundleError for a bundle that expired or was revoked."""
    facts, path = ctx.facts, ctx.job.bundle_path
    if is_about(facts, REVOKED):
        raise BundleError(f"{path} was revoked.", ANOTHER)
    if expired(facts):
        when = f"{expires_at(facts):%Y-%m-%d %H:%M:%S} UTC"
        raise BundleError(f"{path} expired at {when}, before it was opened on its host.", ANOTHER)
