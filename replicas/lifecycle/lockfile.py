"""Files that tell, on one machine, whether the process that works on a run is still alive.

The kernel drops a lock when its process dies, however it dies, and keeps it while the process is merely frozen. So a
sweeper here need not wait for the lease of a killed neighbour, and never takes a run from a slow one.
"""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


def path(run_id: int, fence: int) -> Path:
    return Path(settings.DATA_DIR) / "leases" / f"{run_id}.{fence}"


def hold(run_id: int, fence: int) -> int | None:
    """Lock the file of this run and fence; the answer is the descriptor to release. It appears already locked.

    None when there can be no file, on a full disk, say: then the lease alone tells.
    """
    try:
        return _hold(run_id, fence)
    except OSError as error:
        logger.warning("Run %s: there is no lock file; if this worker dies, its lease is waited for. %s", run_id, error)
        return None


def _hold(run_id: int, fence: int) -> int:
    final = path(run_id, fence)
    final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = final.with_name(f"{final.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        draft.rename(final)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def release(run_id: int, fence: int, descriptor: int | None) -> None:
    if descriptor is not None:
        with suppress(OSError):  # one that stays speaks for a fence that nobody has any more
            path(run_id, fence).unlink()
        os.close(descriptor)


def abandoned(run_id: int, fence: int) -> bool:
    """Whether the holder lived on this machine and is dead; False where that is not known, and the lease tells.

    Not known: of another machine's holder, and of a file that cannot be opened.
    """
    try:
        descriptor = os.open(path(run_id, fence), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        logger.warning("Run %s: its lock file cannot be opened: %s", run_id, error)
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        with suppress(OSError):
            path(run_id, fence).unlink()
        return True
    finally:
        os.close(descriptor)
