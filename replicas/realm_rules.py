"""What those options need and exclude that only some kinds of realm have (FreeIPA's ipa-replica-install)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from replicas.models import Replica

Problem = tuple[bool, str, Any]
NEEDS_DNS = ("auto_forwarders", "auto_reverse", "allow_zone_overlap", "more_reverse_zones", "dns_over_tls")
NEEDS_TLS = ("dot_forwarders", "dns_policy", "dns_over_tls_cert", "dns_over_tls_key")
OF_DNS = (*NEEDS_DNS, *NEEDS_TLS)
"""All that the name service of some realms is asked for beside what every realm has, with a request or later."""
NEEDS_TRUST = ("add_agents", "enable_compat")
NEEDS_CA = ("pki_config_override", "token_name", "token_library_path", "token_password_file")
TIME = ("ntp_servers", "ntp_pool")
ONLY_LATER = ("token_name",)
"""What the installer of a replica has no word for, and that of an authority for a server has."""
TOGETHER = (("dns_over_tls_cert", "dns_over_tls_key"),)
NAMED = {name: f"{name}_cert_file" for name in ("dirsrv", "http", "pkinit")}


def finds_forwarders(replica: Replica) -> bool:
    """Whether the installer has forwarders without those that are given for plain DNS."""
    return bool(replica.auto_forwarders or replica.dot_forwarders)


def problems(replica: Replica) -> Iterable[Problem]:
    """Whether something is wrong, with which field, and what."""
    yield from _needs(replica, NEEDS_DNS, replica.setup_dns, _("It is for a replica with DNS: ask for DNS too."))
    yield from _needs(replica, NEEDS_TLS, replica.dns_over_tls, _("It is for DNS over TLS: ask for that too."))
    yield from _needs(replica, NEEDS_TRUST, replica.setup_adtrust, _("It needs Active Directory trust."))
    yield from _needs(replica, NEEDS_CA, replica.setup_ca, _("It needs a certificate authority too."))
    for pair in TOGETHER:
        given = [bool(getattr(replica, name)) for name in pair]
        for name, there in zip(pair, given, strict=True):
            yield any(given) and not there, name, _("One of the two is nothing without the other.")
    for service, file in NAMED.items():
        name = f"{service}_cert_name"
        alone = bool(getattr(replica, name)) and not getattr(replica, file)
        yield alone, name, _("It names one of several certificates in a file on the host: say which file.")
    yield from _exclusions(replica)


def _needs(replica: Replica, names: Iterable[str], there: object, text: str) -> Iterable[Problem]:
    for name in names:
        yield bool(getattr(replica, name)) and not there, name, text


def _exclusions(replica: Replica) -> Iterable[Problem]:
    for name in TIME:
        both = bool(getattr(replica, name)) and bool(replica.no_ntp)
        yield both, name, _("Time is left alone: give no time servers, or have it configured.")
    made = bool(replica.reverse_zone) and replica.reverse_zone in (replica.more_reverse_zones or ())
    yield made, "more_reverse_zones", _("The reverse zone for the PTR records is there already: leave it out here.")
    for name in ("more_reverse_zones", "auto_reverse"):
        both = bool(getattr(replica, name)) and replica.no_reverse
        yield both, name, _("It excludes «no reverse zone».")
    both = finds_forwarders(replica) and replica.no_forwarders
    yield both, "no_forwarders", _("Give forwarders, or «no forwarders», not both.")
    first, second = replica.rid_base, replica.secondary_rid_base
    same = first is not None and first == second
    yield same, "secondary_rid_base", _("The two ranges of RIDs begin at different numbers.")
