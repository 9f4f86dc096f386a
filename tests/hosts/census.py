"""What is on the hosts of a realm, counted by asking them: two states of a lab can be compared with ==.

What an installation leaves behind for good is left out: the replica ids and serial numbers that it took, certificates
that are revoked, the serial numbers of zones.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab import Host, Lab

INSTANCE = "EXAMPLE-COM"
SUFFIX = "dc=example,dc=com"
LDAPI = f"ldapi://%2frun%2fslapd-{INSTANCE}.socket"
TOMBSTONE = "(&(nsuniqueid=ffffffff-ffffffff-ffffffff-ffffffff)(objectclass=nstombstone))"
UNITS = (f"dirsrv@{INSTANCE}", "krb5-kdc", "krb5-admin-server", "apache2", "chrony", "named")
PORTS = (53, 80, 88, 123, 389, 443, 464, 636, 749)
CA = "/var/lib/ipa/ca"
CRL = "/var/www/ipa/ipa/crl/MasterCRL.pem"
PLACES = ("/etc", "/var/lib/ipa", "/var/lib/dirsrv", "/var/www", "/var/cache/bind", "/usr/local/share")
TRACES = ("/run", "/root", "/var/log/dirsrv")
# Written by daemons and the system itself, all the time.
RESTLESS = (
    "/etc/.pwd.lock",
    "/etc/ld.so.cache",
    "/etc/machine-id",
    "/etc/resolv.conf.tmp",
    "/var/cache/bind/managed-keys",
    "/etc/dirsrv/slapd-",
    "/var/lib/dirsrv/slapd-",
    "/var/lib/ipa/ca/",
    "/etc/krb5kdc/.k5.EXAMPLE.COM.",
    CRL,
)
COPIES = "/var/cache/bind/db."
EPHEMERAL = "/run/replica-portal"
"""The folder of commands that go on without SSH; what is in it is counted, it itself comes and goes."""
RESTLESS_ENDS = (".jnl", ".jbk")

FILES = """
import hashlib, json, os, stat, sys
places, flat = json.loads(sys.argv[1]), json.loads(sys.argv[2])
found = {}
def note(path):
    facts = os.lstat(path)
    kind = stat.filemode(facts.st_mode)
    if stat.S_ISLNK(facts.st_mode):
        found[path] = [kind, os.readlink(path)]
    elif stat.S_ISREG(facts.st_mode):
        with open(path, "rb") as stream:
            found[path] = [kind, facts.st_uid, facts.st_gid, hashlib.sha256(stream.read()).hexdigest()[:16]]
    else:
        found[path] = [kind, facts.st_uid, facts.st_gid]
for place in places:
    for folder, folders, files in os.walk(place):
        for name in folders + files:
            note(os.path.join(folder, name))
for place in flat:
    for name in os.listdir(place) if os.path.isdir(place) else ():
        if any(word in name for word in ("portal", "replica", "slapd", "dirsrv", "ipa")):
            found[os.path.join(place, name)] = "there"
print(json.dumps(found))
"""


def census(lab: Lab) -> dict[str, Any]:
    """By host (those that run): directory, principals, DNS, certificates, units, listeners and files."""
    running = [host for host in lab.hosts if host.running]
    with ThreadPoolExecutor() as pool:  # most of it is waiting for answers
        return dict(zip([host.name for host in running], pool.map(of_host, running), strict=True))


def of_host(host: Host) -> dict[str, Any]:
    directory = host.run(["test", "-d", f"/etc/dirsrv/slapd-{INSTANCE}"], check=False).returncode == 0
    return {
        "directory": in_directory(host) if directory else {},
        "zones": zones(host),
        "certificates": certificates(host),
        "keytab": sorted(line for line in words(host, "klist", "-k") if "@" in line),
        "units": units(host),
        "transient": transient(host),
        "listeners": listeners(host),
        "files": files(host),
    }


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Where two of them differ, as path: (before, after): for the message of a failed comparison."""
    found: dict[str, Any] = {}
    for key in {**before, **after}:
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            found |= {f"{key} {rest}": pair for rest, pair in difference(one, other).items()}
        else:
            found[key] = (one, other)
    return found


def in_directory(host: Host) -> dict[str, Any]:
    """Agreements, managers, ids in the update vector, masters with their services, principals, keep-alive entries."""
    mapping, known = "cn=mapping tree,cn=config", update_vector(host)
    return {
        "agreements": entries(host, mapping, "(objectClass=nsds5ReplicationAgreement)", "nsDS5ReplicaHost"),
        "managers": entries(host, "cn=config", "(cn=replication manager*)", "cn"),
        "trusted": entries(host, mapping, "(objectClass=nsDS5Replica)", "nsDS5ReplicaBindDN"),
        "cleaning": entries(host, mapping, "(nsds5ReplicaCleanRUV=*)", "nsds5ReplicaCleanRUV"),
        "update vector": known,
        "keep alive": orphans(host, known),
        "masters": entries(host, f"cn=masters,cn=ipa,cn=etc,{SUFFIX}", "(objectClass=nsContainer)", "description"),
        "principals": sorted(sum(entries(host, SUFFIX, "(krbPrincipalName=*)", "krbPrincipalName").values(), [])),
        "people": len(entries(host, f"cn=users,cn=accounts,{SUFFIX}", "(uid=*)", "uid")),
    }


def entries(host: Host, base: str, filter: str, attribute: str) -> dict[str, list[str]]:
    argv = ["ldapsearch", "-Q", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-H", LDAPI, "-b", base]
    answer = host.run([*argv, filter, attribute], check=False).stdout.decode()
    found: dict[str, list[str]] = {}
    for block in answer.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.strip().splitlines() if ": " in line]
        if lines:
            found[lines[0][1]] = sorted(value for name, value in lines[1:] if name.lower() == attribute.lower())
    return found


def update_vector(host: Host) -> list[str]:
    """Id and server of each supplier: `1 ipaserver.example.com`."""
    found = entries(host, SUFFIX, TOMBSTONE, "nsds50ruv")
    parts = [value.partition("}")[0].split() for values in found.values() for value in values]
    return sorted(f"{part[1]} {part[2].split('/')[2].split(':')[0]}" for part in parts if len(part) > 2)


def orphans(host: Host, suppliers: list[str]) -> list[str]:
    """Keep-alive entries of suppliers that the update vector does not know; each supplier makes its own."""
    found = entries(host, SUFFIX, "(&(objectClass=ldapSubEntry)(cn=repl keep alive*))", "cn")
    known = {line.split()[0] for line in suppliers}
    return sorted(cn for values in found.values() for cn in values if cn.split()[-1] not in known)


def zones(host: Host) -> dict[str, list[str]]:
    """Every record of every zone, without serial numbers."""
    path = "/etc/bind/named.conf.local"
    if state(host, "is-active", "named") != "active":
        return {}
    names = [line.split('"')[1] for line in host.read(path).splitlines() if line.startswith("zone ")]
    found = {}
    for name in names:
        answer = host.run(["dig", "+onesoa", "@127.0.0.1", "-k", "/etc/bind/ipa.key", name, "AXFR"], check=False)
        lines = [line.split() for line in answer.stdout.decode().splitlines() if line and not line.startswith(";")]
        found[name] = sorted(" ".join(line) for line in lines if line[3] not in ("SOA", "TSIG"))
    return found


def certificates(host: Host) -> dict[str, int]:
    """How many certificates of each subject are neither revoked nor withdrawn in the list that clients get."""
    if host.run(["test", "-f", f"{CA}/index.txt"], check=False).returncode:
        return {}
    lines = [line.split("\t") for line in host.read(f"{CA}/index.txt").splitlines()]
    shown = host.run(["openssl", "crl", "-in", CRL, "-noout", "-text"], check=False).stdout.decode()
    listed = {line.split(":")[1].strip() for line in shown.splitlines() if "Serial Number:" in line}
    valid = [line[5] for line in lines if line[0] == "V"]
    forgotten = [f"revoked but not listed: {line[5]}" for line in lines if line[0] == "R" and line[3] not in listed]
    return dict(Counter(valid + forgotten))


def transient(host: Host) -> list[str]:
    argv = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "*portal*", "*replica*"]
    return sorted(words(host, *argv))


def units(host: Host) -> dict[str, tuple[str, str]]:
    """Whether each starts with the host, and whether it runs."""
    enabled, active = (words(host, "systemctl", question, *UNITS) for question in ("is-enabled", "is-active"))
    return dict(zip(UNITS, zip(enabled, active, strict=True), strict=True))


def listeners(host: Host) -> list[str]:
    shown = host.run(["ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric"]).stdout.decode()
    found = {(int(line.split()[4].rpartition(":")[2]), line.split()[0]) for line in shown.splitlines()}
    return [f"{port} {protocol}" for port, protocol in sorted(found) if port in PORTS]


def files(host: Host) -> dict[str, Any]:
    """Kind, owner and digest of every file where something is configured; names only where things come and go."""
    argv = ["python3", "-I", "-c", FILES, json.dumps(PLACES), json.dumps(TRACES)]
    found: dict[str, Any] = json.loads(host.run(argv).stdout)
    return {
        path: "there" if path.startswith(COPIES) else facts
        for path, facts in found.items()
        if not path.startswith(RESTLESS) and not path.endswith(RESTLESS_ENDS) and path != EPHEMERAL
    }


def state(host: Host, question: str, unit: str) -> str:
    return host.run(["systemctl", question, unit], check=False).stdout.decode().strip() or "unknown"


def words(host: Host, *argv: str) -> list[str]:
    return host.run(list(argv), check=False).stdout.decode().splitlines()
