"""Runs that are killed at an exact point, and taken up again with the facts that survived."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pytest

from lab import Lab
from replicas.lifecycle.base import Step
from replicas.lifecycle.job import JSON, Job
from tests.hosts.native.driver import Driver, driver_for


class Killed(Exception):
    """Here a worker would have died."""


@dataclass
class Dying(Driver):
    """Dies around the storing of one fact: before it is stored, with the effect there and unknown, or after.

    "no KEY" is the moment at which the fact is emptied.
    """

    when: Literal["before", "after"] = "after"
    what: str = ""

    async def fact(self, key: str, value: JSON) -> None:
        here = self.what == (key if value else f"no {key}")
        if here and self.when == "before":
            raise Killed(key)
        await super().fact(key, value)
        if here:
            raise Killed(key)


def dying(lab: Lab, job: Job, when: Literal["before", "after"], what: str) -> Dying:
    plain = driver_for(lab, job)
    return Dying(plain.job, plain.key, plain.passwords, when=when, what=what)


async def killed(driver: Dying, steps: Iterable[Step]) -> Driver:
    """Work until the point of death; returns whoever takes over."""
    with pytest.raises(Killed):
        await driver.run(steps)
    await driver.close()
    return dataclasses.replace(Driver(driver.job, driver.key, driver.passwords), _facts=dict(driver.facts))
