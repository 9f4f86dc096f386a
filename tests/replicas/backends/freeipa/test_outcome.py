"""Which logs of an installer are collected; this machine stands for the replica."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from replicas.backends.freeipa import outcome
from replicas.clients.host import Result
from replicas.errors import HostUnreachable
from replicas.lifecycle.job import Role
from tests.replicas.backends.freeipa.conftest import RealmContext, job


class Here:
    name = "replica2.example.com"

    async def run(self, *argv: str, check: bool) -> Result:
        assert not check
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
        stdout, stderr = await process.communicate()
        return Result(process.returncode or 0, stdout, stderr)


class Away(Here):
    async def run(self, *argv: str, check: bool) -> Result:
        raise HostUnreachable("replica2.example.com did not answer.")


class HostContext(RealmContext):
    def __init__(self, host: Here) -> None:
        super().__init__(job(), "")
        self.replica = host

    async def host(self, role: Role) -> Any:
        return self.replica


def written(path: Path, text: str, age: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (path.stat().st_mtime - age,) * 2)


async def test_of_several_files_the_newest_is_collected(tmp_path: Path) -> None:
    written(tmp_path / "pki-ca-spawn.20261128091315.log", "of the CA\n", 60)
    written(tmp_path / "pki-kra-spawn.20261128091528.log", "of the KRA\n", 30)
    written(tmp_path / "pki-server-upgrade.log", "of something else\n", 0)
    written(tmp_path / "old/pki-ca-spawn.20261128091600.log", "kept elsewhere\n", 0)
    made = HostContext(Here())
    await outcome.collect(made, f"{tmp_path}/pki-*-spawn.*.log", f"{tmp_path}/kra/debug*")
    assert made.lines == [
        ("error", f"The end of {tmp_path}/pki-kra-spawn.20261128091528.log on replica2.example.com:"),
        ("debug", "of the KRA"),
    ]


async def test_of_a_long_log_the_end_is_collected(tmp_path: Path) -> None:
    written(tmp_path / "debug.2026-11-28.log", "".join(f"line {number}\n" for number in range(5000)), 0)
    made = HostContext(Here())
    await outcome.collect(made, f"{tmp_path}/debug*", f"{tmp_path}/nothing.log")
    assert len(made.lines) == 2
    assert made.lines[1][1].splitlines() == [f"line {number}" for number in range(4920, 5000)]


async def test_a_host_that_is_away_is_no_error() -> None:
    made = HostContext(Away())
    await outcome.collect(made, *outcome.logs("EXAMPLE-COM"))
    assert made.lines == [("warning", "The installer's logs were not read: replica2.example.com did not answer.")]


def test_a_promotion_with_an_authority_has_logs_of_dogtag() -> None:
    assert set(outcome.DOGTAG_LOGS) < set(outcome.logs("EXAMPLE-COM"))
