"""The layer that turns a blank host into a master, kept because provisioning takes longer than anything else."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import paths
from lab.command import run
from lab.host import Host
from lab.realm.realm import Realm, Secrets

Install = Callable[[Host, Realm, Secrets], None]


@dataclass(frozen=True)
class Image:
    """A provisioned master: the layer above the shared root, and the passwords that went into it."""

    layer: Path
    secrets: dict[str, str]


def image(host: Host, root: Path, files: dict[str, str], kind: str, install: Install, code: Iterable[Path]) -> Image:
    """Return the master's image, provisioning the host with `install` when there is none for its code yet.

    `kind` names what else distinguishes it from the masters of other labs.
    """
    kind = f"master-{host.network.index}-{kind}"
    target = paths.cache() / f"{kind}-{_key(host, root, kind, files, code)}"
    if not target.exists():
        _build(target, host, root, files, install)
        # What older code made for this lab, which nobody can be running from: this host has just been ended.
        for old in set(paths.cache().glob(f"{kind}-*")) - {target}:
            shutil.rmtree(old)
    return Image(target / "layer", json.loads((target / "secrets.json").read_text()))


def _key(host: Host, root: Path, kind: str, files: dict[str, str], code: Iterable[Path]) -> str:
    """Name what the image depends on: the code that provisions, the root, the options, name, addresses, other hosts."""
    digest = hashlib.sha256(f"{root.name} {kind} {host.name} {host.address} {host.address6}".encode())
    digest.update(files["etc/hosts"].encode() + files["etc/resolv.conf"].encode())
    for path in sorted(code):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _build(target: Path, host: Host, root: Path, files: dict[str, str], install: Install) -> None:
    passwords = Secrets(directory_manager=secrets.token_urlsafe(12), admin=secrets.token_urlsafe(12))
    host.start([root], files)
    host.wait()
    install(host, Realm(host.name, host.address, host.address6, host.network), passwords)
    host.stop()
    # One lab builds its master at a time, and each has its own addresses: nobody else uses this draft.
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    (draft / "secrets.json").touch(mode=0o600)
    (draft / "secrets.json").write_text(json.dumps(asdict(passwords)))
    # As an archive copy, so that deleted files and replaced folders stay marked as such.
    run(["cp", "--archive", str(host.upper), str(draft / "layer")])
    os.rename(draft, target)
