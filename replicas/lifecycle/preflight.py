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
from replicas.lifecycle import credentials
from replicas.lifecycle.base import Backend, Finding
from replicas.lifecycle.connect import connect
from replicas.lifecycle.job import Job
from replicas.lifecycle.reading import ReadingContext
from replicas.models import Draft, Plan

logger = logging.getLogger(__name__)
SECONDS = 60
AT_ONCE = 8
"""Connections to one master at a time: its SSH server drops some of more than ten (MaxStartups)."""
Look = Callable[[], Coroutine[None, None, list[Finding]]]


def check(*rows: Draft | Plan) -> None:
    """Make the backends' checks for the jobs of the rows, side by side, and store what they found with each.

    Nothing on a host changes. A failure of the checks themselves is a finding too: whoever waits for them always gets
    an answer.
    """
    looks = [_prepare(row) for row in rows]
    for row, found in zip(rows, asyncio.run(_together(looks)), strict=True):
        # A row that was submitted or discarded meanwhile is not there any more.
        type(row).objects.filter(pk=row.pk).update(findings=[asdict(finding) for finding in found], checked_at=Now())


def check_all(drafts: QuerySet[Draft]) -> None:
    """Check many, AT_ONCE at a time, so that one worker does it while the others are there for runs."""
    keys = list(drafts.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), AT_ONCE):
        check(*drafts.filter(pk__in=keys[start : start + AT_ONCE]))


def _prepare(row: Draft | Plan) -> Look:
    """What looks at the hosts of the row's job, with no more need of the database."""
    try:
        passwords = credentials.of_draft(row) if isinstance(row, Draft) else credentials.of_plan(row)
    except PortalError as error:
        told = [Finding("portal", "error", error.message, error.remedy)]
        return lambda: _known(told)
    return lambda: _safely(row, passwords)


async def _together(looks: Sequence[Look]) -> list[list[Finding]]:
    return await asyncio.gather(*(look() for look in looks))


async def _known(findings: list[Finding]) -> list[Finding]:
    return findings


async def _safely(row: Draft | Plan, passwords: Mapping[str, str]) -> list[Finding]:
    try:
        job = row.frozen_job()
        return await _look(registry.get(job.realm.backend), job, passwords)
    except PortalError as error:
        return [Finding("portal", "error", error.message, error.remedy)]
    except Exception:
        logger.exception("The checks for %s ended with a defect of the portal", row.job["replica"]["hostname"])
        return [
            Finding("portal", "error", "A defect of the portal ended the checks.", "The log of the worker says more.")
        ]


async def _look(backend: Backend, job: Job, passwords: Mapping[str, str]) -> list[Finding]:
    ctx = ReadingContext(job, passwords, connect)
    try:
        async with asyncio.timeout(SECONDS):
            return await backend.preflight(ctx)
    except TimeoutError:
        told = f"The checks were not done within {SECONDS} s."
        return [Finding("portal", "error", told, "See that both hosts answer, and check again.")]
    finally:
        await ctx.close()
