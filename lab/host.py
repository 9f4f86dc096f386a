"""One host of a lab: systemd in a network namespace, on an overlay of the shared root."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal

from lab import cgroups, mounts
from lab.command import LabError, run, until
from lab.network import Network

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
# On a machine that is busy with much else; a host starts within seconds on an idle one, a FreeIPA server in a minute.
START_SECONDS = 180.0
SERVICES_SECONDS = 900.0
STOP_SECONDS = 120.0

# Where systemd-nspawn keeps a folder for each host.
PROPAGATE = Path("/run/systemd/nspawn/propagate")

Protocol = Literal["tcp", "udp"]
Direction = Literal["in", "out"]


@dataclass(frozen=True)
class Host:
    """A host by its name; everything else about it follows from the lab it belongs to."""

    name: str
    number: int
    network: Network
    # What a host writes lies in memory, its keys stay on disk: they outlive a reset.
    layers: Path
    keys: Path

    @property
    def address(self) -> IPv4Address:
        return self.network.address(self.number)

    @property
    def address6(self) -> IPv6Address:
        return self.network.address6(self.number)

    @property
    def machine(self) -> str:
        """The name by which processes of this host are found, also those of a lab that was killed."""
        return self.network.namespace(self.number)

    @property
    def root(self) -> Path:
        return self.layers / "root"

    @property
    def upper(self) -> Path:
        return self.layers / "upper"

    @property
    def host_key(self) -> Path:
        return self.keys / "ssh_host_ed25519_key"

    @property
    def public_key(self) -> str:
        """The public half of the host key, as in known_hosts: type and key."""
        return " ".join(self.host_key.with_suffix(".pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the host key, as ssh shows it."""
        return run(["ssh-keygen", "-lf", str(self.host_key.with_suffix(".pub"))]).stdout.decode().split()[1]

    @property
    def running(self) -> bool:
        return self.leader is not None

    @property
    def leader(self) -> int | None:
        """The process that is number 1 in the host."""
        for supervisor in self._supervisors():
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            if children:
                return int(children[0])
        return None

    def start(self, lowers: list[Path], files: dict[str, str]) -> None:
        """Boot the host on top of the given layers, with the given files in place."""
        self.remove()
        mounts.overlay(self.root, lowers=lowers, upper=self.upper, work=self.layers / "work")
        for name, text in files.items():
            place(self.root / name, text)
        # Without an id systemd takes this for a first boot and enables every service; an empty one is refused.
        place(self.root / "etc/machine-id", f"{secrets.token_hex(16)}\n")
        place(self.root / "etc/hostname", f"{self.name}\n")
        place(self.root / "etc/ssh/ssh_host_ed25519_key", self.host_key.read_text(), mode=0o600)
        place(self.root / "etc/ssh/ssh_host_ed25519_key.pub", f"{self.public_key}\n")
        self.boot()

    def boot(self) -> None:
        """Boot the host from the layers it has."""
        self.network.attach(self.number)
        groups = cgroups.make(self.machine)
        with (self.layers / "console.log").open("ab") as console:
            # A host outlives the command that starts it, so it is nobody's child.
            subprocess.run(
                [
                    "setsid",
                    "--fork",
                    "systemd-nspawn",
                    "--quiet",
                    "--register=no",
                    "--keep-unit",
                    "--boot",
                    "--link-journal=no",
                    "--resolv-conf=off",
                    "--timezone=off",
                    f"--directory={self.root}",
                    f"--machine={self.machine}",
                    f"--hostname={self.name}",
                    f"--network-namespace-path=/run/netns/{self.network.namespace(self.number)}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=lambda: cgroups.join(groups),
                check=True,
            )

    def wait(self) -> None:
        """Wait until everything that starts with the host has started."""
        until(lambda: self._answers(22), START_SECONDS, f"{self.name} does not answer on port 22")
        self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=SERVICES_SECONDS)

    def stop(self) -> None:
        """Shut the host down in an orderly way, so that its files are complete."""
        for supervisor in self._supervisors():
            os.kill(supervisor, signal.SIGTERM)
        until(lambda: not cgroups.members(self.machine), STOP_SECONDS, f"{self.name} does not shut down")
        forget(self.machine)

    def cut_power(self) -> None:
        """End the host at once; its files stay as they are, and `boot` finds them so."""
        forget(self.machine)

    def remove(self) -> None:
        """End the host at once and forget what it has written."""
        forget(self.machine)
        self.network.detach(self.number)
        mounts.unmount(self.root)
        shutil.rmtree(self.layers, ignore_errors=True)
        self.layers.mkdir(parents=True, exist_ok=True)

    def run(
        self, argv: Sequence[str], *, input: bytes | None = None, check: bool = True, timeout: float = 300
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a program in the host as root, without SSH."""
        return run([*self.enter(), *argv], input=input, check=check, timeout=timeout)

    def enter(self) -> list[str]:
        """Return the beginning of a command line that runs the rest of it in the host."""
        leader = self.leader
        if leader is None:
            raise LabError(f"{self.name} is not running")
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        # The root directory comes before the working directory, which is /root's parent afterwards.
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        return ["nsenter", f"--target={leader}", *namespaces, "--", "env", "--ignore-environment", *environment]

    def read(self, path: str) -> str:
        """Return a text file of the host."""
        return self.run(["cat", path]).stdout.decode()

    def write(self, path: str, text: str, *, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a text file in the host; nobody else can read it before it has its mode."""
        folder = path.rpartition("/")[0]
        self.run(["mkdir", "--parents", folder])
        self.run(["install", "--mode=0600", "/dev/null", path])
        self.run(["tee", path], input=text.encode())
        self.run(["chown", owner, path])
        self.run(["chmod", f"{mode:o}", path])

    def block(self, port: int, protocol: Protocol = "tcp", direction: Direction = "in", larger: int = 0) -> None:
        """Drop what comes to a port of this host, or what this host sends to a port elsewhere.

        With `larger` only packets of more bytes than that, as on a path whose MTU nobody learns.
        """
        hook = {"in": "input", "out": "output"}[direction]
        rules = (
            "add table inet lab\n"
            f"add chain inet lab {hook} {{ type filter hook {hook} priority 0; policy accept; }}\n"
            f"add rule inet lab {hook} {protocol} dport {port} meta length > {larger} drop\n"
        )
        self._filter(rules)

    def reset_connections(self, port: int) -> None:
        """Answer what comes to a TCP port of this host with a reset, as a host does that was started anew."""
        self._filter(
            "add table inet lab\n"
            "add chain inet lab input { type filter hook input priority 0; policy accept; }\n"
            f"add rule inet lab input tcp dport {port} reject with tcp reset\n"
        )

    def unblock(self) -> None:
        """Take back everything that was blocked."""
        self._filter("add table inet lab\ndelete table inet lab\n")

    def _filter(self, rules: str) -> None:
        namespace = self.network.namespace(self.number)
        run(["ip", "netns", "exec", namespace, "nft", "--file", "-"], input=rules.encode())

    def _answers(self, port: int) -> bool:
        try:
            with socket.create_connection((str(self.address), port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _supervisors(self) -> list[int]:
        """Return the systemd-nspawn process of this host, if it runs."""
        wanted = f"--machine={self.machine}".encode()
        found = []
        for process in cgroups.members(self.machine):
            with suppress(FileNotFoundError, ProcessLookupError):  # It may end while we look.
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"systemd-nspawn") and wanted in words:
                    found.append(process)
        return found


def forget(machine: str) -> None:
    """End whatever runs in a host at once, and remove what systemd-nspawn and systemd leave on the machine.

    Everything in the host's own control group is ended: its first process outlives a systemd-nspawn that is killed.
    """
    until(lambda: _ended(machine), STOP_SECONDS, f"{machine} does not end")
    shutil.rmtree(PROPAGATE / machine, ignore_errors=True)


def _ended(machine: str) -> bool:
    for process in cgroups.members(machine):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return cgroups.removed(machine)


def forget_all(network: Network) -> None:
    """End every host of a lab at once, also those that it does not know any more."""
    prefix = f"{network.bridge}-"
    for machine in cgroups.names(prefix) | {path.name for path in PROPAGATE.glob(f"{prefix}*")}:
        forget(machine)


def place(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file below the root of a host that is not running."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.write_text(text)


def replace(path: Path, old: str, new: str) -> None:
    """Change a file below such a root. Raises LabError when it does not have what is to be replaced."""
    text = path.read_text()
    if old not in text:
        raise LabError(f"{path} does not have {old!r}")
    path.write_text(text.replace(old, new))
