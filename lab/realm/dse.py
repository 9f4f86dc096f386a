"""Change the configuration file of a directory server that is not running."""

ENTRIES = """\
dn: cn=krbPrincipalName,cn=index,cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: nsIndex
cn: krbPrincipalName
nsSystemIndex: false
nsIndexType: eq
nsIndexType: pres
nsIndexType: sub

dn: cn=Full principal,cn=mapping,cn=sasl,cn=config
objectClass: top
objectClass: nsSaslMapping
cn: Full principal
nsSaslMapRegexString: \\(.*\\)@\\(.*\\)
nsSaslMapBaseDNTemplate: {suffix}
nsSaslMapFilterTemplate: (krbPrincipalName=\\1@\\2)
nsSaslMapPriority: 10

dn: cn=replication manager,cn=config
objectClass: top
objectClass: netscapeServer
objectClass: nsAccount
cn: replication manager
userPassword: {password}

dn: cn=replica,cn={escaped},cn=mapping tree,cn=config
objectClass: top
objectClass: nsDS5Replica
objectClass: extensibleObject
cn: replica
nsDS5ReplicaRoot: {suffix}
nsDS5ReplicaType: 3
nsDS5Flags: 1
nsDS5ReplicaId: 1
nsDS5ReplicaBindDN: cn=replication manager,cn=config

dn: cn=changelog,cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
cn: changelog
nsslapd-changelogmaxage: 30d

"""


def configure(text: str, suffix: str, manager_password: str) -> str:
    """Return the configuration with TLS, and with replication as the first supplier of the suffix."""
    blocks = text.replace("\n ", "").rstrip("\n").split("\n\n")
    changed = [_secure(block) if block.lower().startswith("dn: cn=config\n") else block for block in blocks]
    escaped = suffix.replace("=", "\\3D").replace(",", "\\2C")
    added = ENTRIES.format(suffix=suffix, escaped=escaped, password=manager_password)
    return "\n\n".join([*changed, added])


def _secure(config: str) -> str:
    lines = [line for line in config.splitlines() if not line.lower().startswith("nsslapd-security:")]
    return "\n".join([*lines, "nsslapd-security: on"])
