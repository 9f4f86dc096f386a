"""The certificate authority that FreeIPA uses: Dogtag, of Debian 11, the last release that has it."""

from pathlib import Path

from lab.freeipa import archive
from lab.host import place, replace

RELEASE = "bullseye"
PACKAGES = ("openjdk-11-jre-headless", "pki-ca", "pki-kra")
CLIENT = ("python3-pki-base",)
"""What a server without an authority imports all the same."""
# Its libraries have to be those that it was built with; all else is of the host's own release.
PREFERENCES = f"""\
Package: *
Pin: release n={RELEASE}
Pin-Priority: 100

Package: lib*-java libjackson2-dataformat-* ant ant-optional junit4 velocity
Pin: release n={RELEASE}
Pin-Priority: 1001
"""
# At each start it tries a password that FreeIPA's servers do not have, as they replicate by Kerberos, and is content
# with «no such entry»; Directory Servers since 1.4.4.10 answer «wrong password» instead.
TRIED, FITTING = "cms.passwordlist=internaldb,replicationdb\n", "cms.passwordlist=internaldb\n"
# With a key recovery authority it does not end when it is told to, and is killed in the end.
UNIT = "[Service]\nTimeoutStopSec=5\n"


def source() -> str:
    """Where the packages are, for apt."""
    return archive.stanza("deb", RELEASE)


def settle(root: Path) -> None:
    """Make it fit the Directory Server of another release. Raises LabError when it is not what it was."""
    for subsystem in ("ca", "kra"):
        replace(root / f"usr/share/pki/{subsystem}/conf/CS.cfg", TRIED, FITTING)
    place(root / "etc/systemd/system/pki-tomcatd@.service.d/lab.conf", UNIT)
