"""What things are called in a native realm (docs/native-realm.md): entries, folders, services."""

from __future__ import annotations

from dataclasses import dataclass

from replicas.clients import vectors
from replicas.lifecycle.job import Job

DIRECTORY_MANAGER = "cn=Directory Manager"
REPLICATION_MANAGER = "cn=replication manager,cn=config"
CA_CERTIFICATE = "/etc/ipa/ca.crt"
CA_FOLDER = "/var/lib/ipa/ca"
LDAP_CLIENT = "/etc/ldap/ldap.conf"
WEB_ROOT = "/var/www/ipa"
WEB_CERTIFICATE = "/var/lib/ipa/certs/httpd.crt"
WEB_KEY = "/var/lib/ipa/private/httpd.key"
KDC_FOLDER = "/etc/krb5kdc"
KEYTAB = "/etc/krb5.keytab"
# A copy of one key for the directory server, which does not run as root.
DIRECTORY_KEYTAB = "/etc/dirsrv/ds.keytab"
TSIG_KEY = "/etc/bind/ipa.key"
ZONES = "/etc/bind/named.conf.local"
BASE_SERVICES = ("LDAP", "KDC", "KPASSWD", "HTTP", "NTP")
KERBEROS_UNITS = ("krb5-kdc", "krb5-admin-server")
# What the description of a service among the masters says.
CONFIGURED, ENABLED = "configuredService", "enabledService"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that follow from a job."""

    job: Job

    @property
    def suffix(self) -> str:
        return self.job.realm.suffix

    @property
    def unit(self) -> str:
        return f"dirsrv@{self.job.instance}"

    @property
    def folder(self) -> str:
        return f"/etc/dirsrv/slapd-{self.job.instance}"

    @property
    def instance_paths(self) -> tuple[str, ...]:
        """Everything of the directory server's instance, also of one that was only half made."""
        name = f"slapd-{self.job.instance}"
        return (
            self.folder,
            *(f"{place}/{name}" for place in ("/var/lib/dirsrv", "/var/log/dirsrv", "/run/lock/dirsrv")),
            f"/dev/shm/{name}",  # noqa: S108 - the server's own choice
            f"/run/{name}.socket",
            f"/etc/tmpfiles.d/dirsrv-{self.job.instance}.conf",
        )

    @property
    def environment(self) -> str:
        """The variables that systemd gives the directory server."""
        return f"/etc/default/dirsrv-{self.job.instance}"

    @property
    def counter(self) -> str:
        return f"cn=replication,cn=etc,{self.suffix}"

    @property
    def replica_config(self) -> str:
        return vectors.configuration(self.suffix)

    @property
    def changelog(self) -> str:
        return "cn=changelog,cn=userroot,cn=ldbm database,cn=plugins,cn=config"

    @property
    def mapping_tree(self) -> str:
        """Below it are the replica entry and its agreements."""
        return "cn=mapping tree,cn=config"

    @property
    def masters(self) -> str:
        return f"cn=masters,cn=ipa,cn=etc,{self.suffix}"

    @property
    def master_entry(self) -> str:
        """The replica among the realm's masters."""
        return f"cn={self.job.replica.hostname},{self.masters}"

    @property
    def to_replica(self) -> str:
        """The master's agreement."""
        return f"cn=meTo{self.job.replica.hostname},{self.replica_config}"

    @property
    def to_master(self) -> str:
        """The replica's agreement."""
        return f"cn=meTo{self.job.master.hostname},{self.replica_config}"

    @property
    def replica_manager(self) -> str:
        """Who the replica binds as on the master: an entry of its own, so that removing one replica cuts no other."""
        return f"cn=replication manager {self.job.replica.hostname},cn=config"

    @property
    def principals(self) -> tuple[str, ...]:
        return tuple(f"{service}/{self.job.replica.hostname}" for service in ("host", "ldap", "HTTP"))

    @property
    def services(self) -> tuple[str, ...]:
        options = self.job.options
        return BASE_SERVICES + ("CA",) * options.setup_ca + ("DNS",) * options.setup_dns

    @property
    def units(self) -> tuple[str, ...]:
        """The systemd units of an installed replica."""
        return (self.unit, *KERBEROS_UNITS, "apache2", "chrony") + ("named",) * self.job.options.setup_dns
