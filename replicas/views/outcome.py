"""What runs found out, as the pages of runs and replicas show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replicas.models import Run


def outcome(runs: Iterable[Run]) -> dict[str, Any]:
    """Proofs, and the DNS records that are still missing, by the newest run that looked: for runs/outcome.html."""
    facts: dict[str, Any] = {}
    for run in sorted(runs, key=lambda run: run.pk):
        facts |= run.facts
    return {"proofs": facts.get("proofs", []), "records": facts.get("missing_records", [])}
