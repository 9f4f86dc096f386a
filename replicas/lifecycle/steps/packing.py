"""A bundle: a folder of small files in a tar, in the layout of FreeIPA 3.x and 4.4, sealed and kept on the master."""

from __future__ import annotations

import asyncio
import configparser
import hashlib
import io
import tarfile
import time
from collections.abc import Mapping

from replicas.clients import gpg
from replicas.errors import BundleError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed

FOLDER = "realm_info"
VERSION = "1"


async def store(ctx: Context, members: Mapping[str, bytes], password: str) -> None:
    """Seal them, put the bundle on the master, and read it back; then facts say that there is one.

    Facts `bundle_size`, `bundle_expires_at`, `bundle_sha256` (the last, by which it counts). Raises BundleError.
    """
    job, master = ctx.job, await ctx.host("master")
    content = await asyncio.to_thread(gpg.seal, pack(members), password)
    ctx.log(f"Packaging replica information into {job.bundle_path}")
    await master.write(job.bundle_path, content, 0o600)
    stored = await master.read(job.bundle_path)
    archive = await asyncio.to_thread(gpg.unseal, stored, password)
    if stored != content or unpack(archive) != members:
        raise BundleError(f"{job.bundle_path} on {master.name} is not what was sealed.", "See that its disk is sound.")
    await ctx.fact(sealed.SIZE, len(content))
    await ctx.fact(sealed.EXPIRES, sealed.expiry(job.options.bundle_hours))
    await ctx.fact(sealed.SHA256, hashlib.sha256(content).hexdigest())


async def kept(ctx: Context) -> bool:
    """Whether there is a bundle that may be used, or was used up and removed by this run."""
    if not sealed.usable(ctx.facts):
        return False
    if sealed.is_about(ctx.facts, sealed.REMOVING):
        return True
    found = await (await ctx.host("master")).run("sha256sum", "--", ctx.job.bundle_path, check=False)
    return found.status == 0 and found.text.split()[0] == ctx.facts[sealed.SHA256]


def describe(job: Job) -> bytes:
    """The member `realm_info`, an INI file with the section `realm`."""
    parser = configparser.ConfigParser(interpolation=None)
    parser["realm"] = {
        "realm_name": job.realm.name,
        "master_host_name": job.master.hostname,
        "domain_name": job.realm.domain,
        "destination_host": job.replica.hostname,
        "subject_base": f"O={job.realm.name}",
        "version": VERSION,
    }
    stream = io.StringIO()
    parser.write(stream)
    return stream.getvalue().encode()


def pack(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folder = tarfile.TarInfo(FOLDER)
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o700, int(time.time())
        archive.addfile(folder)
        for name, content in sorted(members.items()):
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, folder.mtime
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """The members of an archive that the portal has just packed itself."""
    members = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            stream = opened.extractfile(member)
            if stream is not None:
                members[member.name.removeprefix(f"{FOLDER}/")] = stream.read()
    return members
