"""The root file system that all hosts share, built once from the machine's own package sources."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab import paths
from lab.command import LabError, run
from lab.registry import locked

PACKAGES = (
    "389-ds-base",
    "apache2",
    "bind9",
    "bind9-dnsutils",
    "bind9-utils",
    "chrony",
    "dbus",
    "dnsutils",
    "gnupg",
    "iproute2",
    "iputils-ping",
    "krb5-admin-server",
    "krb5-kdc",
    "krb5-kdc-ldap",
    "krb5-user",
    "ldap-utils",
    "libnss3-tools",
    "libsasl2-modules-gssapi-mit",
    "openssh-server",
    "openssl",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# What a blank host has, but does not run.
IDLE = ("apache2", "chrony", "krb5-admin-server", "krb5-kdc", "named")
# What a host without a disk, a terminal or the internet has no use for.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "systemd-pstore.service",
)
# They run at each start and each daemon-reload, a dozen programs side by side, and look for disks and terminals.
# That of init scripts stays.
GENERATORS = (
    "systemd-cryptsetup-generator",
    "systemd-debug-generator",
    "systemd-fstab-generator",
    "systemd-getty-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator",
    "systemd-rc-local-generator",
    "systemd-run-generator",
    "systemd-system-update-generator",
    "systemd-veritysetup-generator",
)
FILES = {
    "etc/ssh/sshd_config.d/lab.conf": (
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "UseDNS no\nMaxStartups 200\nMaxSessions 200\nHostKey /etc/ssh/ssh_host_ed25519_key\n"
    ),
    # A host may not set the clock, which belongs to the machine: chronyd only serves the time.
    "etc/default/chrony": 'DAEMON_OPTS="-x -F -1"\n',
    "etc/systemd/system/chrony.service.d/lab.conf": "[Unit]\nConditionCapability=\n",
}
# Files that Debian makes for a host in general and that a blank host must not have.
REMOVED = ("etc/krb5.conf", "etc/krb5kdc/kdc.conf", "etc/machine-id", "etc/hostname", "etc/resolv.conf")


def build(extra: tuple[str, ...] = ()) -> Path:
    """Return the root file system, with more packages if asked, making it when there is none for these yet."""

    def make(draft: Path) -> None:
        install(draft, (*PACKAGES, *extra))
        settle(draft)

    return kept("-".join(["root", key(), *extra]), make)


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the root file system of that name in the cache, made as a whole or not at all."""
    target, kind = paths.cache() / name, name.partition("-")[0]
    with locked(paths.cache() / f"{kind}.lock"):
        if not target.exists():
            # What killed builds left behind: whoever builds holds the lock. A name of its own keeps a build apart
            # from a mmdebstrap that outlived its parent.
            for stale in paths.cache().glob(f"{kind}-*.draft*"):
                _discard(stale)
            draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
            make(draft)
            os.rename(draft, target)
    return target


def _discard(root: Path) -> None:
    """Remove a root file system that was never finished, and first what its builder had mounted there (/proc, /sys)."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((point for point in mounts if Path(point).is_relative_to(root)), reverse=True):
        subprocess.run(["umount", point], check=False)
    shutil.rmtree(root, ignore_errors=True)


def _suite() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise LabError("/etc/os-release does not name the release of this machine")


def key() -> str:
    """Name what the result depends on: the release, and the packages and settings in this file."""
    content = _suite().encode() + Path(__file__).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _sources() -> list[str]:
    folder = Path("/etc/apt")
    found = [*folder.glob("sources.list.d/*.sources"), *folder.glob("sources.list.d/*.list"), folder / "sources.list"]
    return [str(path) for path in found if path.is_file() and path.stat().st_size]


def install(target: Path, packages: tuple[str, ...], *, more: str = "", preferences: str = "") -> None:
    """Install packages and what they need. `more` are further sources, `preferences` what apt takes from which."""
    options = ["--variant=minbase", f"--include={','.join(packages)}"]
    # Manuals and translations are a third of the files.
    exclude = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
    options += [f"--dpkgopt=path-exclude={pattern}" for pattern in exclude]
    # Java's packages link to their manuals, there or not.
    options.append('--setup-hook=mkdir --parents "$1/usr/share/man/man1"')
    with tempfile.TemporaryDirectory() as work:
        sources = _sources()
        if more:
            Path(work, "more.sources").write_text(more)
            Path(work, "preferences").write_text(preferences)
            sources.append(f"{work}/more.sources")
            options.append(f"--setup-hook=copy-in {work}/preferences /etc/apt")
        run(["mmdebstrap", *options, _suite(), str(target), *sources], timeout=1800)


def settle(root: Path) -> None:
    """Turn a fresh installation into a blank host: nothing configured, nothing started but sshd."""
    run(["systemctl", f"--root={root}", "disable", *IDLE])
    run(["systemctl", f"--root={root}", "mask", *MASKED])
    for name in REMOVED:
        (root / name).unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    without = root / "etc/systemd/system-generators"
    without.mkdir(exist_ok=True)
    for name in GENERATORS:
        (without / name).symlink_to("/dev/null")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # There is no way to the pool from a lab.
    chrony = root / "etc/chrony/chrony.conf"
    lines = chrony.read_text().splitlines()
    chrony.write_text("\n".join(line for line in lines if not line.startswith("pool ")) + "\n")
