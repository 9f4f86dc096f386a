"""A name server that has its zones in the directory: BIND with the plugin bind-dyndb-ldap.

The plugin is in Debian's unstable release alone, and needs a newer C library than hosts of Debian 12 have: so `named`
is that of Debian 13, in a root of its own within the host, while its settings, zones and caches are the host's.
"""

import shutil
from pathlib import Path

from lab.command import run
from lab.freeipa import archive
from lab.host import place, replace

SERVER_RELEASE, SERVER = "trixie", ("bind9", "bind9-libs", "libldap2", "libuuid1")
PLUGIN_RELEASE, PLUGIN = "sid", "bind9-dyndb-ldap"
LIBRARY, LOADER = "usr/lib/x86_64-linux-gnu/bind/ldap.so", "/usr/lib64/ld-linux-x86-64.so.2"
FOLDER = "opt/named"
UNIT = f"""\
[Service]
RootDirectory=/{FOLDER}
MountAPIVFS=yes
BindPaths=/run /tmp /var/cache/bind /var/lib/bind /var/tmp
BindReadOnlyPaths=/etc /usr/share/dns
"""
MOUNTED = ("dev", "etc", "proc", "run", "sys", "tmp", "usr/share/dns", "var/cache/bind", "var/lib/bind", "var/tmp")
# FreeIPA's settings are for BIND 9.18 and older, which had that category of messages.
LOGGING, OBSOLETE = "usr/share/ipa/bind.ipa-logging-ext.conf.template", "category delegation-only { named; };\n"


def add(root: Path, work: Path) -> None:
    """Put the server and its plugin into the root of hosts. `work` is a folder to be made for what is downloaded.

    Raises LabError, also when the plugin does not fit the server's libraries.
    """
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
    run(["chroot", str(inner), LOADER, "--list", f"/{LIBRARY}"])
    place(root / "etc/systemd/system/named.service.d/lab.conf", UNIT)
    replace(root / LOGGING, OBSOLETE, "")


def _plugin(work: Path) -> Path:
    package = archive.fetch(work / "plugin", PLUGIN, PLUGIN_RELEASE)
    run(["dpkg-deb", "--extract", str(package), str(work / "content")])
    return work / "content" / LIBRARY
