"""Turn a blank host into the first server of a realm of FreeIPA."""

import json
from collections.abc import Iterable, Mapping

from lab.freeipa.authority import Authority
from lab.host import Host
from lab.realm import dns
from lab.realm.realm import Realm, Secrets

INSTALL_SECONDS = 1800.0
FOLDER = "/root/install"
# The installer takes passwords as options alone: within the process, where no list of processes shows them.
RUN = """\
import json, runpy, sys
sys.argv = json.load(sys.stdin)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def install(host: Host, realm: Realm, passwords: Secrets, authority: Authority) -> None:
    """Without authority and name service of its own, beside a name server that others keep, as many sites have it."""
    dns.install(host, realm)
    host.write(f"{FOLDER}/ca.crt", authority.certificate)
    host.write(f"{FOLDER}/server.pem", authority.server(host.name), mode=0o600)
    options = {
        "dirsrv-cert-file": f"{FOLDER}/server.pem",
        "dirsrv-pin": "",
        "http-cert-file": f"{FOLDER}/server.pem",
        "http-pin": "",
        "ca-cert-file": f"{FOLDER}/ca.crt",
    }
    _run(host, realm, passwords, ["--no-host-dns", "--no-pkinit"], options)
    host.run(["rm", "--recursive", FOLDER])


def install_roles(host: Host, realm: Realm, passwords: Secrets) -> None:
    """With every role that a realm can have: authority, key recovery authority, name service, trust controller."""
    # There is no name server beside it, on the way to which the domain could be somebody else's.
    flags = ["--setup-kra", "--setup-adtrust", "--setup-dns", "--no-forwarders", "--auto-reverse"]
    flags += ["--allow-zone-overlap", "--no-dnssec-validation"]
    _run(host, realm, passwords, flags, {"netbios-name": realm.name.partition(".")[0]})


def _run(host: Host, realm: Realm, passwords: Secrets, flags: Iterable[str], more: Mapping[str, str]) -> None:
    options = {
        "realm": realm.name,
        "domain": realm.domain,
        "hostname": host.name,
        "ip-address": str(realm.address),
        "ds-password": passwords.directory_manager,
        "admin-password": passwords.admin,
        **more,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    argv = ["/usr/sbin/ipa-server-install", "--unattended", "--no-ntp", "--skip-mem-check", *flags, *given]
    host.run(["python3", "-c", RUN], input=json.dumps(argv).encode(), timeout=INSTALL_SECONDS)
