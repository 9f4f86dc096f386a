"""Whether the files that steps write can be written, seen before anything is."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step
from replicas.lifecycle.job import Role
from replicas.together import together

ROLES: tuple[Role, ...] = ("master", "replica")


async def require(ctx: Context, steps: Iterable[Step]) -> str:
    """Return a sentence when nothing keeps the files of the steps from being written. Raises StepError, HostError."""
    paths: dict[Role, dict[str, None]] = {role: {} for role in ROLES}
    for step in steps:
        for role, path in step.writes(ctx.job):
            paths[role][path] = None
    wanted = [role for role in ROLES if paths[role]]
    parts = await together(*(_problems(ctx, role, list(paths[role])) for role in wanted))
    found = [problem for part in parts for problem in part]
    if not found:
        return "The files that are written can be written"
    places = "; ".join(dict.fromkeys(f"{place} on {host}: {problem}" for host, place, problem in found))
    raise StepError(
        f"Files that the plan writes cannot be written: {places}.",
        "Change that, or have the administrators of the host change it, and check again.",
    )


async def _problems(ctx: Context, role: Role, paths: list[str]) -> list[tuple[str, str, str]]:
    host = await ctx.host(role)
    # The bundle is written into a folder that a server has.
    existing = [ctx.job.bundle_path.rpartition("/")[0]] if role == "master" and ctx.job.bundle_path in paths else []
    answer = await host.python("writable", {"paths": paths, "existing": existing})
    return [(host.name, one["place"], one["problem"]) for one in answer["problems"]]
