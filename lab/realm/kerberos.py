"""The Kerberos servers of a realm."""

import secrets

from lab.host import Host
from lab.realm import directory
from lab.realm.realm import Realm, Secrets

CLIENT = """\
[libdefaults]
 default_realm = {realm}
 dns_lookup_realm = false
 dns_lookup_kdc = true
 rdns = false
 dns_canonicalize_hostname = false
 ticket_lifetime = 24h
 forwardable = true
 udp_preference_limit = 0

[realms]
 {realm} = {{
  kdc = {server}:88
  master_kdc = {server}:88
  admin_server = {server}:749
  kpasswd_server = {server}:464
  default_domain = {domain}
 }}

[domain_realm]
 .{domain} = {realm}
 {domain} = {realm}
"""

SERVER = """\
[kdcdefaults]
 kdc_ports = 88
 kdc_tcp_ports = 88

[realms]
 {realm} = {{
  database_module = {realm}
  key_stash_file = /etc/krb5kdc/.k5.{realm}
  acl_file = /etc/krb5kdc/kadm5.acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
  master_key_type = aes256-cts-hmac-sha1-96
  max_life = 24h
  max_renewable_life = 7d
 }}

[dbmodules]
 {realm} = {{
  db_library = kldap
  ldap_kerberos_container_dn = cn=kerberos,{suffix}
  ldap_kdc_dn = {kdc}
  ldap_kadmind_dn = {kdc}
  ldap_service_password_file = /etc/krb5kdc/service.keyfile
  ldap_servers = {ldapi}
  ldap_conns_per_server = 5
 }}
"""

# The database is in the directory: without it neither server starts.
AFTER_DIRECTORY = """\
[Unit]
After=dirsrv@{instance}.service
Wants=dirsrv@{instance}.service
"""
SERVICES = ("krb5-kdc", "krb5-admin-server")


def install(host: Host, realm: Realm, passwords: Secrets, kdc_password: str) -> None:
    """Make the database and the administrator, and serve them."""
    names = {"realm": realm.name, "domain": realm.domain, "server": realm.server, "suffix": realm.suffix}
    host.write("/etc/krb5.conf", CLIENT.format(**names))
    host.write("/etc/krb5kdc/kdc.conf", SERVER.format(**names, kdc=realm.kdc_dn, ldapi=realm.ldapi))
    host.write("/etc/krb5kdc/kadm5.acl", f"admin@{realm.name} *\n")
    stashed = f"{realm.kdc_dn}#{{HEX}}{kdc_password.encode().hex()}\n"
    host.write("/etc/krb5kdc/service.keyfile", stashed, mode=0o600)
    for service in SERVICES:
        path = f"/etc/systemd/system/{service}.service.d/ipa.conf"
        host.write(path, AFTER_DIRECTORY.format(instance=realm.instance))
    _create(host, realm)
    _add_principals(host, realm, passwords)
    host.run(["systemctl", "daemon-reload"])
    host.run(["systemctl", "enable", "--now", *SERVICES])


def _create(host: Host, realm: Realm) -> None:
    """Make the database; nobody needs its master password again, because the key is stashed."""
    password = secrets.token_urlsafe(24)
    create = ["kdb5_ldap_util", "create", "-r", realm.name, "-subtrees", realm.suffix, "-s"]
    host.run(create, input=f"{password}\n{password}\n".encode())


def _add_principals(host: Host, realm: Realm, passwords: Secrets) -> None:
    """Add the administrator and this host; kadmin reads from its input what must not be on a command line."""
    admin = f"uid=admin,cn=users,cn=accounts,{realm.suffix}"
    commands = [f'addprinc -x dn="{admin}" -pw "{passwords.admin}" admin']
    for service in ("host", "ldap", "HTTP"):
        commands += [f"addprinc -randkey {service}/{realm.server}", f"ktadd {service}/{realm.server}"]
    # The same key as in the host's keytab: the directory server does not run as root.
    commands.append(f"ktadd -k {directory.KEYTAB} -norandkey ldap/{realm.server}")
    host.run(["kadmin.local"], input="".join(f"{command}\n" for command in commands).encode())
    host.run(["chown", "dirsrv:dirsrv", directory.KEYTAB])
