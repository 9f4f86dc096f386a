"""Tell whether this machine can make hosts."""

import os
import shutil
import sys
from pathlib import Path

# The numbers of capabilities, from linux/capability.h.
CAP_NET_ADMIN = 12
CAP_SYS_ADMIN = 21
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "mount": "mount",
    "ssh-keygen": "openssh-client",
    "cp": "coreutils",
}


def missing() -> str | None:
    """Return one sentence about what is missing, or None when hosts can be made here."""
    if not sys.platform.startswith("linux"):
        return "Test hosts need Linux."
    if os.geteuid() != 0:
        return "Test hosts need root."
    if not Path("/etc/debian_version").exists():
        return "Test hosts need Debian, whose package sources they are made from."
    packages = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        return f"Test hosts need packages that are not installed: {', '.join(packages)}."
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "Test hosts need the overlay file system."
    for namespace in ("mnt", "net", "pid", "uts", "ipc"):
        if not Path("/proc/self/ns", namespace).exists():
            return f"Test hosts need {namespace} namespaces."
    if not (_may(CAP_SYS_ADMIN) and _may(CAP_NET_ADMIN)):
        return "Test hosts need the right to make namespaces, mounts and network devices."
    return None


def _may(capability: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False
