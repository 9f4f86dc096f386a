"""The checks before a plan is approved: what would keep it from succeeding, seen on the hosts now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict

from django.db.models import QuerySet
from django.db.models.functions import Now

from replicas.backends import registry
from replicas.errors import PortalError
from replicas.lifecycle import credentials, wrong_passwords
from replicas.lifecycle.base import Backend, Finding
from replicas.lifecycle.connect import connect
from replicas.lifecycle.job import Job
from replicas.lifecycle.reading import ReadingContext
from replicas.models import Draft, Plan

logger = logging.getLogger(__name__)
SECONDS = 60
AT_ONCE = 8
"""Connections to one master at a time: its SSH server drops some of more than ten (MaxStartups)."""
Looked = tuple[list[Finding], set[str]]
"""The findings, and the names of the passwords that the realm rejected."""
Look = Callable[[], Coroutine[None, None, Looked]]
Passwords = tuple[object, ...]
"""A realm with the passwords that are tried there."""


def check(*rows: Draft | Plan) -> None:
    """Make the backends' checks for the jobs of the rows, side by side, and store what they found with each.

    Nothing on a host changes. A failure of the checks themselves is a finding too: whoever waits for them always gets
    an answer.
    """
    known: dict[Passwords, dict[str, PortalError]] = {}
    looks = [_prepare(row, known) for row in rows]
    for row, (found, rejected) in zip(rows, asyncio.run(_together(looks)), strict=True):
        _count(row, rejected)
        # A row that was submitted or discarded meanwhile is not there any more.
        type(row).objects.filter(pk=row.pk).update(findings=[asdict(finding) for finding in found], checked_at=Now())


def check_all(drafts: QuerySet[Draft]) -> None:
    """Check many, AT_ONCE at a time, so that one worker does it while the others are there for runs."""
    keys = list(drafts.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), AT_ONCE):
        check(*drafts.filter(pk__in=keys[start : start + AT_ONCE]))


def _prepare(row: Draft | Plan, known: dict[Passwords, dict[str, PortalError]]) -> tuple[Passwords, Look]:
    """Return what looks at the hosts of the row's job, with no more need of the database.

    Rows with the same passwords share what is `known` of those that must not be tried.
    """
    realm = row.job["realm"]["name"]
    try:
        passwords = credentials.of_draft(row) if isinstance(row, Draft) else credentials.of_plan(row)
        given = credentials.names_given(row)
    except PortalError as error:
        told = [Finding("portal", "error", error.message, error.remedy)]
        return (realm,), lambda: _known(told)
    key = (realm, *sorted(passwords.items())) if passwords else (realm, row.pk)
    if key not in known:
        known[key] = wrong_passwords.refusals(realm, passwords.keys() - given, given)
    return key, lambda: _counted(row, passwords, known[key])


def _count(row: Draft | Plan, rejected: set[str]) -> None:
    """A password that was given for one request counts as the requester's guess, a stored one as the portal's."""
    given = credentials.names_given(row) if rejected else frozenset()
    realm = row.job["realm"]["name"]
    wrong_passwords.count(realm, rejected - given)
    wrong_passwords.count(realm, rejected & given, row.requested_by.get_username())


async def _together(looks: Sequence[tuple[Passwords, Look]]) -> list[Looked]:
    """Try passwords with the first row that has them alone: many wrong ones at once would lock the account."""
    first = {key: place for place, (key, _look) in reversed(list(enumerate(looks)))}.values()
    rest = [place for place in range(len(looks)) if place not in first]
    found: dict[int, Looked] = {}
    for places in (list(first), rest):
        answers = await asyncio.gather(*(looks[place][1]() for place in places))
        found |= dict(zip(places, answers, strict=True))
    return [found[place] for place in range(len(looks))]


async def _known(findings: list[Finding]) -> Looked:
    return findings, set()


async def _counted(row: Draft | Plan, passwords: Mapping[str, str], refused: dict[str, PortalError]) -> Looked:
    before = set(refused)
    return await _safely(row, passwords, refused), refused.keys() - before


async def _safely(row: Draft | Plan, passwords: Mapping[str, str], refused: dict[str, PortalError]) -> list[Finding]:
    try:
        job = row.frozen_job()
        return await _look(registry.get(job.realm.backend), job, passwords, refused)
    except PortalError as error:
        return [Finding("portal", "error", error.message, error.remedy)]
    except Exception:
        logger.exception("The checks for %s ended with a defect of the portal", row.job["replica"]["hostname"])
        return [
            Finding("portal", "error", "A defect of the portal ended the checks.", "The log of the worker says more.")
        ]


async def _look(
    backend: Backend, job: Job, passwords: Mapping[str, str], refused: dict[str, PortalError]
) -> list[Finding]:
    ctx = ReadingContext(job, passwords, connect, refused)
    try:
        async with asyncio.timeout(SECONDS):
            return await backend.preflight(ctx)
    except TimeoutError:
        told = f"The checks were not done within {SECONDS} s."
        return [Finding("portal", "error", told, "See that both hosts answer, and check again.")]
    finally:
        await ctx.close()
