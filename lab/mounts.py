"""Mount and unmount the file systems of hosts."""

from pathlib import Path

from lab.command import run


def mounted(below: Path) -> list[Path]:
    """Return the mount points at and below a folder, the innermost first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].replace("\\040", " "))
        if point == below or below in point.parents:
            points.append(point)
    return points[::-1]


def unmount(below: Path) -> None:
    """Unmount everything at and below a folder."""
    for point in mounted(below):
        run(["umount", "--lazy", str(point)])


def overlay(root: Path, *, lowers: list[Path], upper: Path, work: Path) -> None:
    """Mount the layers at a folder; the first of the lower ones lies on top."""
    for folder in (root, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    layers = ":".join(str(lower) for lower in lowers)
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)])


def memory(folder: Path) -> None:
    """Mount a file system in memory, where no host waits for a disk."""
    if not mounted(folder):
        folder.mkdir(parents=True, exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", str(folder)])
