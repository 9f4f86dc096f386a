"""DNS, asked of one server directly: lookups, zones and their name servers. Updates are in `dns_update`."""

from replicas.clients.dns.queries import SECONDS, NameServer, addresses, authoritative, lookup, name_servers, query
from replicas.clients.dns.records import absolute, answers, normalise, parent, reverse_name, same, within
from replicas.clients.dns.served import Absent, absent, served, wait_until_served
from replicas.clients.dns.stored import Alias, Delegation, Location, locate, stored, synthesized, zone_of

__all__ = [
    "SECONDS",
    "Absent",
    "Alias",
    "Delegation",
    "Location",
    "NameServer",
    "absent",
    "absolute",
    "addresses",
    "answers",
    "authoritative",
    "locate",
    "lookup",
    "name_servers",
    "normalise",
    "parent",
    "query",
    "reverse_name",
    "same",
    "served",
    "stored",
    "synthesized",
    "wait_until_served",
    "within",
    "zone_of",
]
