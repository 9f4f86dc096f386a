"""Each pre-flight check has its own outcome, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from replicas.errors import StepError
from replicas.lifecycle import findings, preflight

CTX: Any = SimpleNamespace(
    job=SimpleNamespace(
        replica=SimpleNamespace(hostname="replica.example.com"), master=SimpleNamespace(hostname="master.example.com")
    )
)


async def passed(ctx: object) -> str:
    return "All ports are free"


async def failed(ctx: object) -> str:
    raise StepError("A port is taken.", "Free it.")


async def hanging(ctx: object) -> str:
    await asyncio.sleep(60)
    return ""


async def test_a_check_that_hangs_costs_no_other_finding() -> None:
    blocking: dict[str, Any] = {"ports": passed, "blank": failed, "hosts": hanging}
    advisory: dict[str, Any] = {"reverse": hanging}
    end = findings.deadline(0.001)
    found = await asyncio.gather(
        *(findings.finding(CTX, name, blocking, advisory, end) for name in (*blocking, *advisory))
    )
    assert [(one.check, one.level) for one in found] == [
        ("ports", "ok"),
        ("blank", "error"),
        ("hosts", "error"),
        ("reverse", "warning"),
    ]
    assert found[2].message == "This check was not done in time."
    assert "replica.example.com" in found[2].remedy


def test_the_checks_end_before_all_of_their_findings_are_dropped() -> None:
    assert findings.SECONDS < preflight.SECONDS
