"""The name server of a realm."""

from base64 import b64encode
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from secrets import token_bytes

from lab.host import Host
from lab.realm.realm import Realm

TTL = 3600
SERVICES = (
    ("_ldap._tcp", 389),
    ("_kerberos._tcp", 88),
    ("_kerberos._udp", 88),
    ("_kerberos-master._tcp", 88),
    ("_kerberos-master._udp", 88),
    ("_kpasswd._tcp", 464),
    ("_kpasswd._udp", 464),
    ("_ntp._udp", 123),
)

OPTIONS = """\
options {{
    directory "/var/cache/bind";
    listen-on {{ any; }};
    listen-on-v6 {{ any; }};
    recursion yes;
    allow-recursion {{ localhost; {subnet}; {subnet6}; }};
    forwarders {{ }};
    // A lab has no way to the root servers, whose signatures everything would be checked against.
    dnssec-validation no;
    // Otherwise the second change within five seconds waits for them to pass before anybody is told.
    notify-delay 0;
}};
"""

KEY = """\
key "ipa" {{
    algorithm hmac-sha256;
    secret "{secret}";
}};
"""

ZONE = """\
zone "{zone}" {{
    type primary;
    file "/var/lib/bind/db.{zone}";
    allow-update {{ key ipa; }};
    allow-transfer {{ key ipa; }};
    notify yes;
}};
"""

START = """\
$TTL {ttl}
@ IN SOA {server}. hostmaster.{domain}. 1 3600 900 1209600 3600
@ IN NS {server}.
"""


def install(host: Host, realm: Realm) -> None:
    """Serve the domain and the reverse zones of its networks."""
    zones = {
        realm.domain: _forward(realm),
        reverse_zone(realm.address): [f"{realm.address.reverse_pointer}. IN PTR {realm.server}."],
        reverse_zone(realm.address6): [f"{realm.address6.reverse_pointer}. IN PTR {realm.server}."],
    }
    for zone, records in zones.items():
        start = START.format(ttl=TTL, server=realm.server, domain=realm.domain)
        host.write(f"/var/lib/bind/db.{zone}", start + _lines(records), owner="bind:bind")
    network = realm.network
    host.write("/etc/bind/named.conf.options", OPTIONS.format(subnet=network.subnet, subnet6=network.subnet6))
    key = KEY.format(secret=b64encode(token_bytes(32)).decode())
    host.write("/etc/bind/ipa.key", key, mode=0o640, owner="root:bind")
    parts = ['include "/etc/bind/ipa.key";\n', *(ZONE.format(zone=zone) for zone in zones)]
    host.write("/etc/bind/named.conf.local", "\n".join(parts))
    host.run(["systemctl", "enable", "--now", "named"])


def reverse_zone(address: IPv4Address | IPv6Address) -> str:
    """Return the zone of the /24 or /64 that an address lies in."""
    host_labels = 1 if address.version == 4 else 16
    return ".".join(address.reverse_pointer.split(".")[host_labels:])


def _forward(realm: Realm) -> list[str]:
    records = [
        f"{realm.server}. IN A {realm.address}",
        f"{realm.server}. IN AAAA {realm.address6}",
        f'_kerberos IN TXT "{realm.name}"',
    ]
    return records + [f"{name} IN SRV 0 100 {port} {realm.server}." for name, port in SERVICES]


def _lines(records: Iterable[str]) -> str:
    return "".join(f"{record}\n" for record in records)
