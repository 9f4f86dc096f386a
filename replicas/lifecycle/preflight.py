"""The checks before a plan is approved: what would keep it from succeeding, seen on the hosts now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict

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


def check(row: Draft | Plan) -> None:
    """Make the backend's checks for the row's job, and store what they found with it. Nothing on a host changes.

    A failure of the checks themselves is a finding too: whoever waits for them always gets an answer.
    """
    job = row.frozen_job()
    try:
        passwords = credentials.of_draft(row) if isinstance(row, Draft) else credentials.of_plan(row)
        found = asyncio.run(_look(registry.get(job.realm.backend), job, passwords))
    except PortalError as error:
        found = [Finding("portal", "error", error.message, error.remedy)]
    except Exception:
        logger.exception("The checks for %s ended with a defect of the portal", row)
        found = [
            Finding("portal", "error", "A defect of the portal ended the checks.", "The log of the worker says more.")
        ]
    # A row that was submitted or discarded meanwhile is not there any more.
    type(row).objects.filter(pk=row.pk).update(findings=[asdict(finding) for finding in found], checked_at=Now())


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
