"""Give each host a control group of its own.

Started from the same group, all hosts would share one tree, and stopping a service in one of them would wait for its
namesakes in the others.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def make(name: str) -> list[Path]:
    """Make the group in every hierarchy that systemd uses; a process joins by its id in cgroup.procs."""
    groups = [hierarchy / name for hierarchy in _hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def join(groups: list[Path]) -> None:
    """Move this process into the groups."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def names(prefix: str) -> set[str]:
    """Return the names of groups that begin like that."""
    return {group.name for hierarchy in _hierarchies() for group in hierarchy.glob(f"{prefix}*")}


def members(name: str) -> set[int]:
    """Return the processes in the group and below it."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name):
            with suppress(OSError):  # A group may end while we look: ENOENT before it is opened, ENODEV after.
                found.update(int(process) for process in Path(folder, "cgroup.procs").read_text().split())
    return found - {0}


def removed(name: str) -> bool:
    """Remove the group with everything below it; return False while it has processes."""
    try:
        for hierarchy in _hierarchies():
            for folder, _, _ in os.walk(hierarchy / name, topdown=False):
                os.rmdir(folder)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


def _hierarchies() -> Iterator[Path]:
    """Yield where the unified hierarchy and the one of systemd itself are mounted; a machine has one or both."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        system, _, options = kind.split(" ", 2)
        if system == "cgroup2" or (system == "cgroup" and "name=systemd" in options.split(",")):
            yield Path(mount.split()[4])
