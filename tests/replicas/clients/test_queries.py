"""Lists that programs on real hosts print, with names that have spaces, line breaks and nothing else in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from replicas.clients import queries, ssh
from replicas.lifecycle.steps import disks, leftovers
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts


async def test_paths_with_spaces_and_line_breaks(replica: ssh.Host) -> None:
    names = ["/root/a b", "/root/a\nb", "/root/link"]
    await replica.run("mkdir", "-p", *names[:2])
    await replica.run("ln", "-sf", "/nonexistent", names[2])
    assert await queries.existing(replica, *names, "/root/a", "/root/b", "/root/missing") == names
    assert await queries.existing(replica) == []
    found = await queries.find(replica, "/root", "/nowhere", "-maxdepth", "1", "-name", "a*")
    assert sorted(found) == sorted(names[:2])
    await replica.run("rm", "-rf", "--", *names)


async def test_a_sweep_removes_nothing_but_drafts(context: Callable[..., KeptContext], replica: ssh.Host) -> None:
    """A draft in "/var/www/My Site" must not cost the folder "/var/www/My"."""
    await replica.run("mkdir", "-p", "/var/www/My", "/var/www/My Site")
    await replica.run("touch", "/var/www/My/precious", "/var/www/My Site/.portal-draft")
    ctx = context()
    await leftovers.sweep_replica(ctx)
    assert await replica.exists("/var/www/My/precious")
    assert not await replica.exists("/var/www/My Site/.portal-draft")
    assert "/var/www/My Site/.portal-draft" in ctx.text
    await replica.run("rm", "-rf", "/var/www/My", "/var/www/My Site")


async def test_units_in_every_state(replica: ssh.Host) -> None:
    """One that does not exist, one that is masked, a template without an instance, one that runs."""
    names = ("no-such", "apt-daily.timer", "dirsrv@EXAMPLE-COM", "ssh", "named")
    found = await queries.units(replica, *names)
    assert [one.name for one in found] == list(names)
    states = {one.name: (one.enabled, one.state) for one in found}
    assert states["no-such"] == (queries.ABSENT, "inactive")
    assert states["apt-daily.timer"][0] == "masked"
    assert states["ssh"] == ("enabled", "active")
    assert states["dirsrv@EXAMPLE-COM"][1] == "inactive"
    assert states["named"] == ("disabled", "inactive")


async def test_names_and_addresses(lab: Lab, replica: ssh.Host) -> None:
    found = await queries.addresses_of(replica, lab.master.name)
    assert set(found) <= {str(lab.master.address), str(lab.master.address6)}
    assert found
    assert await queries.addresses_of(replica, "missing.example.com") == ()
    assert await queries.addresses_of(replica, "fe80::1%lo") == ("fe80::1",)


async def test_programs_that_are_missing(replica: ssh.Host) -> None:
    assert await queries.programs_missing(replica, ("sh", "no-such-program", "dscreate")) == ["no-such-program"]


async def test_a_mount_point_with_spaces(replica: ssh.Host) -> None:
    point = "/var/log/a b\nc"
    await replica.run("mkdir", "-p", point)
    await replica.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point)
    try:
        assert "/var/log" not in [one.target for one in await disks.seen(replica) if one.full]
        shown = await replica.run("df", "--block-size=1", f"--output={disks.COLUMNS}", "--", point, "/etc")
        assert len(list(disks._read(shown.text))) >= 1
    finally:
        await replica.run("umount", point)
        await replica.run("rmdir", point)


async def test_lines_of_the_hosts_file(lab: Lab, replica: ssh.Host) -> None:
    before = await replica.read("/etc/hosts")
    text = (
        b"127.0.0.1 localhost\n# 127.0.1.1 a.example.com\n127.0.1.1\tA.Example.com a # own\n192.0.2.1 ba.example.com\n"
    )
    await replica.write("/etc/hosts", text + b"::1 a.example.com\r\n", mode=0o644)
    try:
        found = await queries.hosts_file(replica, "a.example.com")
        assert found == {3: "127.0.1.1\tA.Example.com a # own", 5: "::1 a.example.com"}
        assert await queries.hosts_file(replica, "192.0.2.1") == {}
    finally:
        await replica.write("/etc/hosts", before, mode=0o644)
