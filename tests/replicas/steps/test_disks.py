"""What df says is read right, of real hosts and of file systems that they do not have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replicas.clients import ssh
from replicas.errors import StepError
from replicas.lifecycle.steps import disks
from tests.replicas.steps.kept import KeptContext

MIB = 1 << 20


@pytest.mark.parametrize(
    ("line", "full", "scarce"),
    [
        ("10737418240 5368709120 655360 600000 /", False, False),
        ("10737418240 104857600 655360 600000 /var", False, True),
        ("10737418240 0 655360 600000 /var", True, True),
        ("10737418240 5368709120 655360 3 /var/log", True, True),
        ("10737418240 5368709120 0 0 /btrfs", False, False),
        ("104857600 99614720 25600 25000 /run", False, False),
        ("- - - - /odd", False, False),
        ("10737418240 0 0 - /a path", True, True),
    ],
)
def test_a_line_of_df(line: str, full: bool, scarce: bool) -> None:
    (found,) = disks._read(f"1B-blocks Avail Inodes IFree Mounted on\n{line}\n")
    assert (found.full, found.scarce) == (full, scarce)


@pytest.mark.hosts
async def test_a_small_file_system_is_filled(replica: ssh.Host, context: Callable[..., KeptContext]) -> None:
    made = context()
    assert await disks.explain([replica]) == ""
    await disks.refuse(made)
    folder = "/var/lib/dirsrv"
    await replica.run("mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", folder)
    try:
        await replica.run("sh", "-c", f"head -c {8 * MIB} /dev/zero > {folder}/filler", check=False)
        assert await disks.explain([replica]) == f"No space is left in {folder} on {replica.name}."
        with pytest.raises(StepError, match=f"No space is left in {folder}"):
            await disks.refuse(made)
    finally:
        await replica.run("umount", folder)
