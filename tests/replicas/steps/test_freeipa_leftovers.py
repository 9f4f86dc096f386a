"""What answers under the replica's name is no leftover of it: asked of real hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from replicas.backends.freeipa import leftovers
from replicas.errors import StepError
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts


async def test_a_server_in_service_is_no_leftover(context: Callable[..., KeptContext]) -> None:
    made = context()
    master = made.job.master
    # The request is for a blank host, under the name of a server that serves.
    made.job = replace(made.job, replica=replace(made.job.replica, hostname=master.hostname))
    with pytest.raises(StepError, match=rf"{master.hostname} is in service: .* answers on port 389"):
        await leftovers.refuse_alive(made)


async def test_a_name_that_leads_to_the_new_host_or_nowhere_may_go(context: Callable[..., KeptContext]) -> None:
    made = context()
    await leftovers.refuse_alive(made)
    made.job = replace(made.job, replica=replace(made.job.replica, hostname="nowhere.example.com"))
    await leftovers.refuse_alive(made)
