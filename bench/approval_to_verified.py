"""How long a replica takes from approval to verified, step by step: `python -m bench.approval_to_verified [ROUNDS]`.

Each round is a whole `script/demo --once` with 10,000 users, a certificate authority and DNS; the rows that the portal
keeps of its own runs are read afterwards. The figure to compare with is FreeIPA 4.9.11's: `ipa-replica-install` on
hosts of the same size took 199 s, without a certificate authority, DNS or a connection check.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FREEIPA_SECONDS = 199
STEPS = """
    SELECT key, stage, (julianday(finished_at) - julianday(started_at)) * 86400 FROM replicas_steprun ORDER BY "index"
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured = [measure() for _ in range(rounds)]
    print(f"{'step':<22}{'stage':<12}{'median s':>9}{'least':>8}{'most':>8}")
    for index, (key, stage, _) in enumerate(measured[0]):
        seconds = [one[index][2] for one in measured]
        print(f"{key:<22}{stage:<12}{statistics.median(seconds):9.2f}{min(seconds):8.2f}{max(seconds):8.2f}")
    totals = [sum(seconds for _, _, seconds in one) for one in measured]
    total = statistics.median(totals)
    print(f"{'all steps':<34}{total:9.2f}{min(totals):8.2f}{max(totals):8.2f}")
    print(f"FreeIPA 4.9.11 needs {FREEIPA_SECONDS / total:.1f} times as long ({FREEIPA_SECONDS} s).")


def measure() -> list[tuple[str, str, float]]:
    """Key, stage and seconds of each step of one run."""
    subprocess.run(["script/demo", "--once"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(ROOT / "var" / "demo" / "portal.sqlite3") as database:
        return database.execute(STEPS).fetchall()


if __name__ == "__main__":
    main()
