"""A name server that has its zones in the directory: BIND with the plugin bind-dyndb-ldap.

The plugin is in Debian's unstable release alone, and needs a newer C library than hosts of Debian 12 have: so `named`
is that of Debian 13, in a root of its own within the host, while all that it reads and writes is the host's.
"""

import shutil
from pathlib import Path

from lab.command import run
from lab.freeipa import archive
from lab.host import place

SERVER_RELEASE, SERVER = "trixie", ("bind9", "bind9-libs", "libldap2", "libuuid1")
PLUGIN_RELEASE, PLUGIN = "sid", "bind9-dyndb-ldap"
LIBRARY = "usr/lib/x86_64-linux-gnu/bind/ldap.so"
FOLDER = "opt/named"
UNIT = f"""\
[Service]
RootDirectory=/{FOLDER}
MountAPIVFS=yes
BindPaths=/run /var/cache/bind /var/lib/bind
BindReadOnlyPaths=/etc /usr/share/dns
"""
MOUNTED = ("dev", "etc", "proc", "run", "sys", "tmp", "usr/share/dns", "var/cache/bind", "var/lib/bind")
# FreeIPA's settings are for BIND 9.18 and older, which had that category of messages.
LOGGING, OBSOLETE = "usr/share/ipa/bind.ipa-logging-ext.conf.template", "category delegation-only "


def add(root: Path, work: Path) -> None:
    """Put the server and its plugin into the root of hosts. `work` is a folder for what is downloaded."""
    work.mkdir()
    inner = root / FOLDER
    sources = work / f"{SERVER_RELEASE}.sources"
    sources.write_text(archive.stanza("deb", SERVER_RELEASE))
    packages = f"--include={','.join(SERVER)}"
    run(["mmdebstrap", "--variant=extract", packages, SERVER_RELEASE, str(inner), str(sources)], timeout=600)
    for name in ("bin", "lib", "lib64", "sbin"):
        (inner / name).symlink_to(f"usr/{name}")
    for name in MOUNTED:
        (inner / name).mkdir(parents=True, exist_ok=True)
    (inner / "var/run").symlink_to("/run")
    plugin = _plugin(work)
    for target in (root, inner):
        (target / LIBRARY).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(plugin, target / LIBRARY)
    place(root / "etc/systemd/system/named.service.d/lab.conf", UNIT)
    settings = root / LOGGING
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith(OBSOLETE)))


def _plugin(work: Path) -> Path:
    package = archive.fetch(work / "plugin", PLUGIN, PLUGIN_RELEASE)
    run(["dpkg-deb", "--extract", str(package), str(work / "content")])
    return work / "content" / LIBRARY
