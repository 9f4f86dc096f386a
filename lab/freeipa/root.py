"""The root file system of hosts that can become FreeIPA servers, built once."""

import hashlib
import shutil
from pathlib import Path

from lab import rootfs
from lab.command import run
from lab.freeipa import dogtag, named, packages, source
from lab.host import place

BUILD_SECONDS = 1800.0
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
MODULES = "/usr/lib/python3/dist-packages"
PARTS = "asn1 util client contrib ipaclient ipalib ipaplatform ipapython ipaserver daemons init install"
"""Of the source, in the order in which they need each other: all but tests, translations and documentation."""
# The web pages are left out, as they take a JavaScript tool chain: the portal uses the server's own interface.
BUILD = f"""\
set -eu
cd /build
ln -sf libsamba-security-samba4.so.0 {LIBRARIES}/samba/libsamba-security-samba4.so
export am_cv_python_pythondir={MODULES} am_cv_python_pyexecdir={MODULES}
./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var --libdir={LIBRARIES} --libexecdir=/usr/lib \\
    --with-ipaplatform=debian --with-vendor-suffix= --without-selinux --disable-i18ntests --disable-pylint \\
    --without-jslint --disable-rpmlint \\
    SAMBA40EXTRA_LIBPATH='-L{LIBRARIES}/samba -Wl,-rpath={LIBRARIES}/samba'
sed -i 's/^\\( *\\)ui\\b.*\\\\$/\\1\\\\/' install/Makefile
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


def build() -> Path:
    """Return the root file system, making it when there is none yet. Raises LabError, also without a source."""
    return rootfs.kept(f"freeipa-{_key()}", _make)


def _key() -> str:
    digest = hashlib.sha256(rootfs.key().encode())
    for name in ("archive", "dogtag", "named", "packages", "root", "source"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def _make(root: Path) -> None:
    work = root.with_name(f"{root.name}.source")
    try:
        work.mkdir()
        unpacked = source.fetch(work / "freeipa")
        wanted = (*rootfs.PACKAGES, *packages.BUILD, *packages.RUN, *dogtag.PACKAGES)
        rootfs.install(root, wanted, more=dogtag.source(), preferences=dogtag.PREFERENCES)
        shutil.move(unpacked, root / "build")
        _inside(root, BUILD)
        shutil.rmtree(root / "build")
        named.add(root, work / "named")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    dogtag.settle(root)
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
