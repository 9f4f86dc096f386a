"""Turn a blank host into the first server of a realm, as docs/native-realm.md describes it."""

import secrets

from lab.host import Host
from lab.realm import authority, clock, directory, dns, kerberos, web
from lab.realm.realm import Options, Realm, Secrets


def install(host: Host, realm: Realm, passwords: Secrets, options: Options) -> None:
    """Install every service; the host is left with all of them running."""
    kdc_password = secrets.token_hex(24)
    if options.dns:
        # First, because the other services ask for this host's own name.
        dns.install(host, realm)
    authority.install(host, realm)
    directory.install(host, realm, passwords, kdc_password, options)
    kerberos.install(host, realm, passwords, kdc_password)
    web.install(host, realm)
    clock.install(host)
