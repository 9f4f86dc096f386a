"""Files that FreeIPA's installers write on a host, by their documentation, on RHEL, Fedora and Debian alike."""

from __future__ import annotations

CLIENT_FILES = ("/etc/ipa", "/etc/krb5.conf", "/etc/krb5.keytab", "/etc/sssd", "/etc/pki", "/var/lib/ipa-client")
CA_FILES = ("/etc/pki", "/var/lib/pki", "/var/log/pki", "/var/lib/ipa", "/etc/ipa")
SERVER_FILES = (
    *CA_FILES, "/etc/dirsrv", "/var/lib/dirsrv", "/var/log/dirsrv", "/var/kerberos/krb5kdc", "/etc/sysconfig",
    "/var/log", "/var/lib/ipa/sysrestore",
)  # fmt: skip
NAME_SERVER_FILES = ("/etc/named.conf", "/etc/named.keytab", "/var/named")
