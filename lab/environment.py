"""A lab: a master and blank replicas-to-be on a private network."""

import json
import os
import re
import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import check, masters, mounts, paths, registry, rootfs
from lab import realm as provisioning
from lab.command import LabError, run
from lab.host import Host, forget_all
from lab.network import Network
from lab.realm.realm import Options, Realm, Secrets

DOMAIN = "example.com"
MASTER = f"ipaserver.{DOMAIN}"
MASTER_NUMBER = 10
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Lab:
    """A lab by its name; labs of different names run side by side."""

    def __init__(self, name: str = "demo") -> None:
        if not NAME.fullmatch(name) or name == paths.cache().name:
            raise LabError(f"{name!r} is no name for a lab: use lower-case letters, digits and hyphens")
        self.name = name
        self.state = paths.STATE / name

    @property
    def kind(self) -> str:
        """Return what distinguishes this lab from earlier labs of the same name."""
        return type(self).__name__

    @cached_property
    def network(self) -> Network:
        return Network(registry.index(self.state))

    @property
    def ssh_key(self) -> Path:
        """The private key that root of every host accepts."""
        return self.state / "id_ed25519"

    @property
    def has_passwords(self) -> bool:
        """Whether there is a master already."""
        return (self.state / "secrets.json").exists()

    @property
    def secrets(self) -> Secrets:
        return Secrets(**json.loads((self.state / "secrets.json").read_text()))

    @property
    def options(self) -> Options:
        return Options(**self._record()["options"])

    @property
    def hosts(self) -> list[Host]:
        """The master, then the replicas."""
        return [self._host(name, number) for number, name in enumerate(self._record()["hosts"], start=MASTER_NUMBER)]

    @property
    def master(self) -> Host:
        return self.host(MASTER)

    def host(self, name: str) -> Host:
        """Return a host by its full name, or by the first part of it."""
        for host in self.hosts:
            if name in (host.name, host.name.partition(".")[0]):
                return host
        raise LabError(f"the lab {self.name} has no host {name}")

    def up(self, *, replicas: int = 1, users: int = 0, dns: bool = True) -> None:
        """Make the lab as described; hosts that run already are left alone, unless the description has changed."""
        obstacle = check.missing()
        if obstacle:
            raise LabError(obstacle)
        wanted = {"kind": self.kind, "options": asdict(Options(users, dns)), "hosts": _names(replicas)}
        with registry.locked(self.state / "lock"):
            if self._record() != wanted:
                self._clear()
                save_json(self.state / "lab.json", wanted)
            self._prepare()
            hosts = [host for host in self.hosts if not self._settled(host)]
            for host in hosts:
                self._start(host)
            for host in hosts:
                self._finish(host)

    def bare(self, name: str, number: int, packages: tuple[str, ...] = ()) -> Host:
        """Start a host beside the realm, as fresh as one can be, with more Debian packages; it ends with the lab.

        The number is that of its addresses: from 100 on they are nobody else's.
        """
        with registry.locked(self.state / "lock"):
            host = self._host(f"{name}.{DOMAIN}", number)
            make_key(host.host_key, f"root@{host.name}")
            self._prepare()
            host.start([rootfs.build(packages)], self._files(host))
            host.wait()
            return host

    def down(self) -> None:
        """Remove every host, mount and device of the lab; its keys and what is cached stay."""
        with registry.locked(self.state / "lock"):
            self._clear()

    def reset(self, *hosts: Host) -> None:
        """Make hosts as fresh as they were when the lab came up; they boot side by side."""
        with registry.locked(self.state / "lock"):
            self._prepare()
            for host in hosts:
                self._start(host)
            for host in hosts:
                self._finish(host)

    def _host(self, name: str, number: int) -> Host:
        return Host(name, number, self.network, layers=self._layers / name, keys=self.state / "keys" / name)

    @property
    def _layers(self) -> Path:
        return self.state / "hosts"

    def _record(self) -> dict[str, Any]:
        """Return what the lab was last asked to be."""
        path = self.state / "lab.json"
        record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"options": {}, "hosts": []}
        return record

    def _prepare(self) -> None:
        """Make what all hosts need: keys, the network, and room for what they write."""
        make_key(self.ssh_key, f"root@{self.name}")
        for host in self.hosts:
            make_key(host.host_key, f"root@{host.name}")
        self.network.up()
        mounts.memory(self._layers)

    def _settled(self, host: Host) -> bool:
        return host.running and self._marker(host).exists()

    def _marker(self, host: Host) -> Path:
        return host.layers / "ready"

    def _start(self, host: Host) -> None:
        root = self._root()
        if host.name != MASTER:
            host.start([root], self._files(host))
            return
        image = self._image(host, root)
        save_json(self.state / "secrets.json", image.secrets, mode=0o600)
        host.start([image.layer, root], self._files(host))

    def _root(self) -> Path:
        """What every host begins with."""
        return rootfs.build()

    def _image(self, host: Host, root: Path) -> masters.Image:
        """What makes a host the master."""
        options = self.options
        kind = f"{options.users}-{'dns' if options.dns else 'no-dns'}"

        def install(host: Host, realm: Realm, passwords: Secrets) -> None:
            provisioning.install(host, realm, passwords, options)

        code = Path(provisioning.__file__).parent.glob("*.py")
        return masters.image(host, root, self._files(host), kind, install, code)

    def _finish(self, host: Host) -> None:
        host.wait()
        self._marker(host).touch()

    def _files(self, host: Host) -> dict[str, str]:
        """Return the files that make a host part of this lab."""
        neighbours = [host] if self.options.dns else self.hosts
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for other in neighbours:
            names = f"{other.name} {other.name.partition('.')[0]}"
            lines += [f"{other.address} {names}", f"{other.address6} {names}"]
        resolver = [f"search {DOMAIN}"] + [f"nameserver {self.master.address}"] * self.options.dns
        return {
            "etc/hosts": "\n".join(lines) + "\n",
            "etc/resolv.conf": "\n".join(resolver) + "\n",
            "root/.ssh/authorized_keys": self.ssh_key.with_suffix(".pub").read_text(),
        }

    def _clear(self) -> None:
        forget_all(self.network)
        self.network.down()
        mounts.unmount(self._layers)
        shutil.rmtree(self._layers, ignore_errors=True)
        for name in ("lab.json", "secrets.json"):
            (self.state / name).unlink(missing_ok=True)


def _names(replicas: int) -> list[str]:
    numbers = ["", *(str(number) for number in range(2, replicas + 1))][:replicas]
    return [MASTER, *(f"ipareplica{number}.{DOMAIN}" for number in numbers)]


def make_key(path: Path, comment: str) -> None:
    """Make an Ed25519 key pair, unless there is one."""
    public = path.with_suffix(".pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def save_json(path: Path, content: object, *, mode: int = 0o644) -> None:
    """Write a file as a whole or not at all, never readable to more than its mode says."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=mode)
    draft.write_text(json.dumps(content) + "\n")
    os.replace(draft, path)
