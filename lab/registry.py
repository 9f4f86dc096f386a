"""Give every lab on this machine a number of its own, from which its names and addresses are made."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.command import LabError

# Namespaces and bridges belong to the machine, so the register does too: two checkouts must not take the same number.
REGISTER = Path("/run/rlab.json")
LAST = 250


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; it ends with the process, so a killed holder leaves nothing behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def index(state: Path) -> int:
    """Return the number of the lab that keeps its state there, the same one as long as its folder exists."""
    state.mkdir(parents=True, exist_ok=True)
    with locked(REGISTER.with_suffix(".lock")):
        taken = _read()
        if str(state) not in taken:
            taken[str(state)] = _choose(state, set(taken.values()))
            _write(taken)
        (state / "index").write_text(f"{taken[str(state)]}\n")
        return taken[str(state)]


def _choose(state: Path, taken: set[int]) -> int:
    """Prefer the number of last time: what is cached for this lab was made for its addresses."""
    before = state / "index"
    wanted = int(before.read_text()) if before.exists() and before.read_text().strip() else 0
    free = [number for number in range(1, LAST + 1) if number not in taken]
    if not free:
        raise LabError("there are too many labs on this machine")
    return wanted if wanted in free else free[0]


def _read() -> dict[str, int]:
    if not REGISTER.exists():
        return {}
    entries: dict[str, int] = json.loads(REGISTER.read_text())
    return {state: number for state, number in entries.items() if Path(state).is_dir()}


def _write(entries: dict[str, int]) -> None:
    draft = REGISTER.with_suffix(".new")
    draft.write_text(json.dumps(entries))
    os.replace(draft, REGISTER)
