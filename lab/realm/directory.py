"""The directory server of a realm."""

import base64
import hashlib
import secrets

from lab.host import Host
from lab.realm import authority, dse, users
from lab.realm.realm import Options, Realm, Secrets

SERVICES = ("LDAP", "KDC", "KPASSWD", "HTTP", "NTP", "CA", "DNS")
KERBEROS_SCHEMA = "/usr/share/dirsrv/data/60kerberos.ldif"
# What nobody but the administrators and the KDC may read.
HIDDEN_ATTRIBUTES = "userPassword || krbPrincipalKey || krbMKey || krbPwdHistory || krbExtraData"
KEYTAB = "/etc/dirsrv/ds.keytab"
# dscreate wants a file that it can look at first.
ANSWERS = "/root/instance.inf"

INSTANCE = """\
[general]
config_version = 2
full_machine_name = {server}
start = False
selinux = False
strict_host_checking = False

[slapd]
instance_name = {instance}
root_password = {password}
self_sign_cert = False

[backend-userroot]
suffix = {suffix}
sample_entries = no
"""

TREE = """\
dn: {suffix}
objectClass: top
objectClass: domain
objectClass: pilotObject
dc: {label}
info: {realm}
aci: (targetattr != "{hidden}")(version 3.0; acl "Anyone may read"; allow (read, search, compare) userdn = "ldap:///anyone";)
aci: (targetattr = "*")(version 3.0; acl "The KDC may write"; allow (all) userdn = "ldap:///{kdc}";)
aci: (targetattr = "*")(version 3.0; acl "Administrators may write"; allow (all) groupdn = "ldap:///cn=admins,cn=groups,cn=accounts,{suffix}";)

{containers}
dn: {kdc}
objectClass: top
objectClass: account
objectClass: simpleSecurityObject
uid: kdc
userPassword: {kdc_password}

dn: cn=replication,cn=etc,{suffix}
objectClass: top
objectClass: nsContainer
objectClass: extensibleObject
cn: replication
nsDS5ReplicaId: 2

dn: cn={server},cn=masters,cn=ipa,cn=etc,{suffix}
objectClass: top
objectClass: nsContainer
objectClass: extensibleObject
cn: {server}

{services}
dn: cn=admins,cn=groups,cn=accounts,{suffix}
objectClass: top
objectClass: groupOfNames
cn: admins
member: uid=admin,cn=users,cn=accounts,{suffix}

dn: uid=admin,cn=users,cn=accounts,{suffix}
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
objectClass: posixAccount
uid: admin
cn: Administrator
sn: Administrator
uidNumber: 99999
gidNumber: 99999
homeDirectory: /home/admin
loginShell: /bin/bash
userPassword: {admin_password}

"""
CONTAINERS = (
    "cn=accounts",
    "cn=users,cn=accounts",
    "cn=groups,cn=accounts",
    "cn=computers,cn=accounts",
    "cn=services,cn=accounts",
    "cn=etc",
    "cn=sysaccounts,cn=etc",
    "cn=ipa,cn=etc",
    "cn=masters,cn=ipa,cn=etc",
)
CONTAINER = """\
dn: {name},{suffix}
objectClass: top
objectClass: nsContainer
cn: {cn}
"""
SERVICE = """\
dn: cn={service},cn={server},cn=masters,cn=ipa,cn=etc,{suffix}
objectClass: top
objectClass: nsContainer
objectClass: extensibleObject
cn: {service}
description: enabledService
"""


def install(host: Host, realm: Realm, passwords: Secrets, kdc_password: str, options: Options) -> None:
    """Make the instance, its certificate and its data while it is stopped, so that it starts only once."""
    hashed = hash_password(passwords.directory_manager)
    answers = INSTANCE.format(server=realm.server, instance=realm.instance, suffix=realm.suffix, password=hashed)
    host.write(ANSWERS, answers, mode=0o600)
    host.run(["dscreate", "from-file", ANSWERS])
    host.run(["rm", ANSWERS])
    folder = f"/etc/dirsrv/slapd-{realm.instance}"
    host.run(["install", "--mode=0640", "--group=dirsrv", KERBEROS_SCHEMA, f"{folder}/schema/60kerberos.ldif"])
    _install_certificate(host, realm, folder)
    _configure(host, realm, folder)
    _import(host, realm, passwords, kdc_password, options)
    # Read at the start, long before there can be a key; the server looks for the key when it is first needed.
    host.write(f"/etc/default/dirsrv-{realm.instance}", f"KRB5_KTNAME=FILE:{KEYTAB}\n")
    host.run(["systemctl", "enable", "--now", f"dirsrv@{realm.instance}"])


def hash_password(password: str) -> str:
    """Return a password as the directory stores it."""
    salt = secrets.token_bytes(16)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()


def _install_certificate(host: Host, realm: Realm, folder: str) -> None:
    key, certificate, bundle = (f"{folder}/server.{kind}" for kind in ("key", "crt", "p12"))
    authority.issue(host, realm, key=key, certificate=certificate)
    pin = f"{folder}/pwdfile.txt"
    export = ["openssl", "pkcs12", "-export", "-name", "Server-Cert", "-inkey", key, "-in", certificate]
    host.run([*export, "-passout", f"file:{pin}", "-out", bundle])
    host.run(["pk12util", "-i", bundle, "-d", folder, "-k", pin, "-w", pin])
    trust = ["-n", "CA", "-t", "CT,,", "-a", "-i", authority.CERTIFICATE]
    host.run(["certutil", "-A", "-d", folder, "-f", pin, *trust])
    host.run(["rm", key, certificate, bundle])


def _configure(host: Host, realm: Realm, folder: str) -> None:
    """Turn on TLS and replication, and have the KDC's searches use an index."""
    path = f"{folder}/dse.ldif"
    manager_password = hash_password(secrets.token_urlsafe(24))
    text = dse.configure(host.read(path), realm.suffix, manager_password)
    host.write(path, text, mode=0o600, owner="dirsrv:dirsrv")


def _import(host: Host, realm: Realm, passwords: Secrets, kdc_password: str, options: Options) -> None:
    """Load the tree and the users into the stopped instance: much faster than adding them one by one."""
    containers = [
        CONTAINER.format(name=name, cn=name.partition(",")[0].partition("=")[2], suffix=realm.suffix)
        for name in CONTAINERS
    ]
    services = [
        SERVICE.format(service=service, server=realm.server, suffix=realm.suffix)
        for service in SERVICES
        if options.dns or service != "DNS"
    ]
    tree = TREE.format(
        suffix=realm.suffix,
        label=realm.domain.partition(".")[0],
        realm=realm.name,
        server=realm.server,
        hidden=HIDDEN_ATTRIBUTES,
        kdc=realm.kdc_dn,
        kdc_password=hash_password(kdc_password),
        admin_password=hash_password(passwords.admin),
        containers="\n".join(containers),
        services="\n".join(services),
    )
    people = "\n".join(users.entries(options.users, realm.suffix, realm.domain))
    path = f"/var/lib/dirsrv/slapd-{realm.instance}/ldif/initial.ldif"
    host.write(path, tree + people, mode=0o600, owner="dirsrv:dirsrv")
    host.run(["dsctl", realm.instance, "ldif2db", "userroot", path])
    host.run(["rm", path])
