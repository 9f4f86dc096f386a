"""Files that cannot be written on real hosts: read-only file systems, attributes, full disks, things in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lab import Host, Lab
from replicas.backends.freeipa import beforehand as freeipa
from replicas.backends.native import beforehand as native
from replicas.errors import StepError
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
Make = Callable[..., KeptContext]


@contextmanager
def mounted(host: Host, point: str, options: str) -> Iterator[None]:
    host.run(["mkdir", "-p", point])
    host.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", point])
    try:
        yield
    finally:
        host.run(["umount", point])


async def cause(make: Make, **options: object) -> str:
    with pytest.raises(StepError) as caught:
        await native.writable(make(**options))
    return caught.value.message


async def test_hosts_as_they_should_be(context: Make) -> None:
    wanted = context(setup_ca=True, setup_dns=True, no_forwarders=True)
    assert await native.writable(wanted) == "The files that are written can be written"
    assert await freeipa.writable(wanted) == "The files that are written can be written"
    for action in ("dns", "ca"):
        wanted.job = replace(wanted.job, action=action)
        assert await freeipa.writable(wanted) == "The files that are written can be written"


async def test_a_read_only_file_system(lab: Lab, context: Make) -> None:
    host = lab.hosts[1]
    with mounted(host, "/etc/apache2/sites-available", "ro"):
        assert await cause(context) == (
            "Files that the plan writes cannot be written: /etc/apache2/sites-available on ipareplica.example.com: "
            "its file system is mounted read-only."
        )
    with mounted(host, "/var/lib/ipa", "ro"):
        message = await cause(context)
        assert "/var/lib/ipa on ipareplica.example.com: its file system is mounted read-only" in message
        with pytest.raises(StepError, match="/var/lib/ipa on ipareplica"):
            await freeipa.writable(context())
    with mounted(lab.master, "/var/lib/ipa", "ro"):
        assert "/var/lib/ipa on ipaserver.example.com: its file system is mounted read-only" in await cause(context)


async def test_full_file_systems(lab: Lab, context: Make) -> None:
    host = lab.hosts[1]
    with mounted(host, "/etc/dirsrv", "size=64k"):
        assert "/etc/dirsrv on ipareplica.example.com: its file system has no space left" in await cause(context)
    with mounted(host, "/etc/dirsrv", "nr_inodes=5"):
        assert "/etc/dirsrv on ipareplica.example.com: its file system has no inodes left" in await cause(context)


@pytest.mark.parametrize(
    ("path", "flag", "words"),
    [
        ("/etc/krb5kdc", "i", "immutable (lsattr shows i)"),
        ("/etc/krb5kdc/kdc.conf", "i", "immutable (lsattr shows i)"),
        ("/etc/krb5kdc/kdc.conf", "a", "append-only (lsattr shows a)"),
    ],
)
async def test_attributes_of_files_and_folders(lab: Lab, context: Make, path: str, flag: str, words: str) -> None:
    host = lab.hosts[1]
    with mounted(host, "/etc/krb5kdc", "size=8m"):
        host.write("/etc/krb5kdc/kdc.conf", "")
        if host.run(["chattr", f"+{flag}", path], check=False).returncode:
            pytest.skip("This kernel's tmpfs has no attributes")
        assert f"{path} on ipareplica.example.com: it is {words}" in await cause(context)


async def test_things_in_the_way(lab: Lab, context: Make) -> None:
    """A file in the place of a folder, a mounted file, a folder of the master that does not exist."""
    host = lab.hosts[1]
    host.write("/var/www/ipa", "not a folder\n")
    assert "/var/www/ipa on ipareplica.example.com: it is not a folder" in await cause(context)
    host.run(["rm", "/var/www/ipa"])
    host.run(["sh", "-c", "touch /etc/resolv.conf && mount --bind /etc/resolv.conf /etc/resolv.conf"])
    try:
        message = await cause(context, setup_dns=True, no_forwarders=True)
        assert "/etc/resolv.conf on ipareplica.example.com: it is a mount point" in message
        assert "can be written" in await native.writable(context())
    finally:
        host.run(["umount", "/etc/resolv.conf"])
    lab.master.run(["mv", "/var/lib/ipa", "/var/lib/ipa.away"])
    try:
        assert "/var/lib/ipa on ipaserver.example.com: it does not exist" in await cause(context)
    finally:
        lab.master.run(["mv", "/var/lib/ipa.away", "/var/lib/ipa"])
