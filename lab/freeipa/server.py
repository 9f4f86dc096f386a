"""Turn a blank host into the first server of a realm of FreeIPA, without authority and name service of its own."""

import json

from lab.freeipa.authority import Authority
from lab.host import Host
from lab.realm import dns
from lab.realm.realm import Realm, Secrets

INSTALL_SECONDS = 1200.0
FOLDER = "/root/install"
# The installer takes passwords as options alone: within the process, where no list of processes shows them.
RUN = """\
import json, runpy, sys
sys.argv = json.load(sys.stdin)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def install(host: Host, realm: Realm, passwords: Secrets, authority: Authority) -> None:
    """Run ipa-server-install, beside a name server that is not the realm's own, as many sites have it."""
    dns.install(host, realm)
    host.write(f"{FOLDER}/ca.crt", authority.certificate)
    host.write(f"{FOLDER}/server.pem", authority.server(host.name), mode=0o600)
    options = {
        "realm": realm.name,
        "domain": realm.domain,
        "hostname": host.name,
        "ip-address": str(realm.address),
        "ds-password": passwords.directory_manager,
        "admin-password": passwords.admin,
        "dirsrv-cert-file": f"{FOLDER}/server.pem",
        "dirsrv-pin": "",
        "http-cert-file": f"{FOLDER}/server.pem",
        "http-pin": "",
        "ca-cert-file": f"{FOLDER}/ca.crt",
    }
    flags = ["--unattended", "--no-ntp", "--no-host-dns", "--no-pkinit", "--skip-mem-check"]
    argv = ["/usr/sbin/ipa-server-install", *flags, *(f"--{name}={value}" for name, value in options.items())]
    host.run(["python3", "-c", RUN], input=json.dumps(argv).encode(), timeout=INSTALL_SECONDS)
    host.run(["rm", "--recursive", FOLDER])
