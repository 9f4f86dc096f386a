"""Many plans are checked at once, some at a time, and what becomes of one is no matter of the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_django import Settings

from replicas.backends import registry
from replicas.errors import HostUnreachable
from replicas.lifecycle import credentials, preflight
from replicas.lifecycle.base import Context, Finding
from replicas.models import Draft
from tests.replicas.lifecycle.twin import TwinBackend
from tests.replicas.views import world as w

ROWS = 2 * preflight.AT_ONCE + 1


class Busy(TwinBackend):
    """Takes a moment for each, is defeated by the third and the fourth host, and counts who is there at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def preflight(self, ctx: Context) -> list[Finding]:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        if ctx.job.replica.hostname == "row2.example.com":
            raise HostUnreachable("row2.example.com does not answer.", "Is the host up?")
        if ctx.job.replica.hostname == "row3.example.com":
            raise ZeroDivisionError
        return [Finding("blank", "ok", f"{ctx.job.replica.hostname} is blank.")]


@pytest.mark.django_db
def test_each_row_gets_its_own_findings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    backend = Busy()
    monkeypatch.setattr(registry, "get", lambda name: backend)
    monkeypatch.setattr(credentials, "of_draft", lambda draft: {})
    table = w.table_of(w.realm_with_master(), w.cast()["operator"], ROWS)
    Draft.objects.update(checked_at=None, findings=None)
    preflight.check_all(Draft.objects.filter(table=table))
    rows = list(Draft.objects.order_by("pk"))
    assert all(row.checked_at for row in rows)
    told = [[finding["message"] for finding in row.findings or ()] for row in rows]
    assert told[2] == ["row2.example.com does not answer."]
    assert told[3] == ["A defect of the portal ended the checks."]
    assert told[4:] == [[f"row{number}.example.com is blank."] for number in range(4, ROWS)]
    assert backend.most == preflight.AT_ONCE
