"""The bundle's way from a real master to a real replica."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable

import pytest

from replicas.clients import ssh
from replicas.errors import BundleError, StepError
from replicas.lifecycle.steps.transfer import TransferBundle
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts

CONTENT = bytes(range(256)) * 4000
Make = Callable[..., KeptContext]


@pytest.fixture
async def ctx(context: Make, master: ssh.Host, replica: ssh.Host) -> AsyncIterator[KeptContext]:
    made = context()
    await master.run("mkdir", "-p", "/var/lib/ipa")
    await master.write(made.job.bundle_path, CONTENT)
    await replica.remove(made.job.bundle_path)
    yield made
    await master.remove(made.job.bundle_path)
    await replica.remove(made.job.bundle_path)


async def test_copies_once(ctx: KeptContext, replica: ssh.Host) -> None:
    step, path = TransferBundle(), ctx.job.bundle_path
    assert not await step.done(ctx)
    await step.run(ctx)
    assert await step.done(ctx)
    assert await replica.read(path) == CONTENT
    assert (await replica.run("stat", "--format=%a %U", path)).text == "600 root\n"
    assert ctx.facts["bundle_sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert ctx.steps[0] == (0, len(CONTENT), "bytes")
    assert ctx.steps[-1] == (len(CONTENT), len(CONTENT), "bytes")
    await step.run(ctx)
    await replica.run("chmod", "644", path)
    assert not await step.done(ctx)
    await step.undo(ctx)
    await step.undo(ctx)
    assert not await replica.exists(path)


async def test_bundle_that_was_changed_or_is_gone(ctx: KeptContext, master: ssh.Host) -> None:
    await ctx.fact("bundle_sha256", "0" * 64)
    with pytest.raises(BundleError, match="is not the file that was sealed"):
        await TransferBundle().run(ctx)
    await master.remove(ctx.job.bundle_path)
    with pytest.raises(BundleError, match="There is no bundle"):
        await TransferBundle().run(ctx)


@pytest.mark.parametrize("room", ["4k", "512k"])
async def test_full_disk(ctx: KeptContext, replica: ssh.Host, room: str) -> None:
    folder = "/var/lib/ipa"
    await replica.run("mkdir", "-p", folder)
    await replica.run("mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", folder)
    try:
        with pytest.raises(StepError) as caught:
            await TransferBundle().run(ctx)
        assert f"No space left in {folder} on ipareplica.example.com" in caught.value.message
        assert f"{len(CONTENT)} bytes are needed, {int(room[:-1]) * 1024} are free" in caught.value.message
        assert (await replica.run("ls", "-A", folder)).text == ""
    finally:
        await replica.run("umount", folder)
    await TransferBundle().run(ctx)
