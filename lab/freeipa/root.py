"""The root file system of hosts that can become FreeIPA servers, built once for each release."""

import hashlib
import shutil
from pathlib import Path

from lab import rootfs
from lab.command import run
from lab.freeipa import dogtag, named, packages, pki, source
from lab.freeipa.releases import Release
from lab.host import place

BUILD_SECONDS = 1800.0
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
MODULES = "/usr/lib/python3/dist-packages"
PARTS = "asn1 util client contrib ipaclient ipalib ipaplatform ipapython ipaserver daemons init install"
"""Of the source, in the order in which they need each other: all but tests, translations and documentation."""
# The web pages (ui, freeipa-webui) need a JavaScript tool chain. They are left out: the portal uses the server's API.
# FreeIPA 4.13.2 and later link to a private library of Samba by the name that newer releases of Samba give it.
BUILD = f"""\
set -eu
cd /build
ln -sf libsamba-security-samba4.so.0 {LIBRARIES}/samba/libsamba-security-samba4.so
ln -sf libgse-samba4.so.0 {LIBRARIES}/samba/libgse-private-samba.so
[ -e configure ] || autoreconf --install
export am_cv_python_pythondir={MODULES} am_cv_python_pyexecdir={MODULES}
./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var --libdir={LIBRARIES} --libexecdir=/usr/lib \\
    --with-ipaplatform=debian --with-vendor-suffix= --without-selinux --disable-i18ntests --disable-pylint \\
    --without-jslint --disable-rpmlint \\
    SAMBA40EXTRA_LIBPATH='-L{LIBRARIES}/samba -Wl,-rpath={LIBRARIES}/samba'
sed -i 's/^\\( *\\)\\(ui\\|freeipa-webui\\)\\b.*\\\\$/\\1\\\\/' install/Makefile
for part in {PARTS}; do make -j"$(nproc)" -C "$part"; done
for part in {PARTS}; do make -C "$part" install; done
"""
# What a distribution's packages do when they are installed.
SETTLE = """\
set -eu
for name in kdcproxy ipaapi; do
    getent group $name || groupadd --system $name
    getent passwd $name || useradd --system --gid $name --shell /usr/sbin/nologin --home-dir / $name
done
usermod --append --groups ipaapi www-data
a2enmod --quiet ssl auth_gssapi lookup_identity wsgi headers rewrite proxy proxy_http proxy_ajp session session_cookie \
    authz_user deflate expires filter unique_id
a2dissite --quiet 000-default
a2ensite --quiet default-ssl
install --directory --owner=bind --group=bind /var/cache/bind/dynamic /var/cache/bind/dyndb-ldap/ipa
for name in ipa-dnskeysyncd ipa-ods-exporter; do
    mv /etc/sysconfig/$name /etc/default/$name
    ln -s ../default/$name /etc/sysconfig/$name
done
"""
VERSION = "usr/share/ipa/lab-version"
IDLE = (
    "certmonger",
    "gssproxy",
    "nmbd",
    "oddjobd",
    "opendnssec-enforcer",
    "opendnssec-signer",
    "smbd",
    "sssd",
    "winbind",
)
FILES = {
    # The server's own services share the folder with the web server.
    "usr/lib/tmpfiles.d/freeipa-lab.conf": "d /run/apache2 0755 root root -\n",
}


def build(release: Release, roles: bool) -> Path:
    """Return the root file system with that release, building it when there is none yet.

    Only hosts of a realm with `roles` get a certificate authority and FreeIPA's name server. Both are of other releases
    of Debian, take as long to install as all the rest, and are one more way in which a build can fail.

    Raises LabError, also when the archive does not have the source or has another series than the one required.
    """
    kind = f"{release.suite}-roles" if roles else release.suite
    found = rootfs.kept(f"freeipa-{kind}-{_key()}", lambda root: _make(root, release, roles))
    release.check(version(found))
    return found


def version(root: Path) -> str:
    """Return the version of FreeIPA in a root file system."""
    return (root / VERSION).read_text().strip()


def _key() -> str:
    digest = hashlib.sha256(rootfs.key().encode())
    for name in ("dogtag", "named", "packages", "pki", "root", "source"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    if tarball := source.local():
        digest.update(tarball.read_bytes())
    return digest.hexdigest()[:12]


def _make(root: Path, release: Release, roles: bool) -> None:
    work = root.with_name(f"{root.name}.source")
    try:
        work.mkdir()
        unpacked = source.fetch(work / "freeipa", release)
        built = source.version(unpacked)
        authority = dogtag.PACKAGES if roles else dogtag.CLIENT
        wanted = (*rootfs.PACKAGES, *packages.BUILD, *packages.RUN, *authority)
        rootfs.install(root, wanted, more=dogtag.source(), preferences=dogtag.PREFERENCES)
        shutil.move(unpacked, root / "build")
        _inside(root, BUILD)
        shutil.rmtree(root / "build")
        if roles:
            named.add(root, work / "named")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if roles:
        dogtag.settle(root)
    pki.add_missing(root)
    place(root / VERSION, f"{built}\n")
    _inside(root, SETTLE)
    for name, text in FILES.items():
        place(root / name, text)
    rootfs.settle(root)
    run(["systemctl", f"--root={root}", "disable", *IDLE])


def _inside(root: Path, script: str) -> None:
    """Run a shell script within the root file system, without a network. Raises LabError with what it said."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--pipe"]
    command += ["--resolv-conf=off", "--timezone=off", f"--directory={root}", "bash", "-s"]
    run(command, input=script.encode(), timeout=BUILD_SECONDS)
