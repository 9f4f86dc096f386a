"""The users of proofs in a real realm, of replicas whose first label is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from replicas.backends.native.access import directory
from replicas.backends.native.steps import prove
from replicas.lifecycle.job import Job
from tests.replicas.steps.kept import KeptContext

HOSTS = ("ipareplica.branch.example.com", "ipareplica.office.example.com")


def named(job: Job, hostname: str) -> Job:
    return replace(job, replica=replace(job.replica, hostname=hostname))


@pytest.mark.hosts
async def test_two_proofs_at_the_same_time(context: Callable[..., KeptContext]) -> None:
    ctx = context()
    jobs = [named(ctx.job, hostname) for hostname in HOSTS]
    users = [(prove.entry_of(job), prove.name(job)) for job in jobs]
    step = prove.ProveService()
    async with directory(ctx, "master") as master:
        try:
            await asyncio.gather(*(step._make(ctx, master, dn, uid, "a-password-1") for dn, uid in users))
            for dn, uid in users:
                entry = await master.get(dn, ["krbPrincipalName"])
                assert entry == {"krbPrincipalName": [f"{uid}@EXAMPLE.COM"]}
            assert await master.delete(users[0][0])
            assert await master.get(users[1][0], ["uid"])
        finally:
            for dn, _ in users:
                await master.delete(dn)
