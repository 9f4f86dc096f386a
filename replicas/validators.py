"""The rules for names, addresses and options of a request: the only copy, for forms, models and the database."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from django.db.models.lookups import Regex
from django.utils.translation import gettext as _

from replicas import hostname_offer, own_machine, realm_rules
from replicas.backends import registry
from replicas.choices import ForwardPolicy
from replicas.lifecycle import windows
from replicas.lifecycle.job import CERTIFICATE_FILES, LISTS, REALM_OPTIONS, UPLOADS, file_of

if TYPE_CHECKING:
    from replicas.models import Replica

MAX_HOSTNAME = 64
"""Linux refuses longer host names (gethostname(2), HOST_NAME_MAX); DNS would allow 253 (RFC 1035, 2.3.4)."""
MAX_NAME = 1000
"""Characters of an input that may stand for a host name."""
MAX_LABEL = 63
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NOT_A_HOST = r"(?!localhost\.)(?!.*\.localhost\Z)(?!.*\.[0-9]+\Z)"
# \Z rather than $: Python, and so SQLite under Django, lets $ match before a final line break.
HOSTNAME = rf"^{NOT_A_HOST}(?=.{{1,{MAX_HOSTNAME}}}\Z){LABEL}(\.{LABEL})+\Z"
_ADDRESS = '"[0-9a-f.:]{2,45}"'
ADDRESSES = rf"^\[({_ADDRESS}(, ?{_ADDRESS})*)?\]\Z"
"""JSON of a list of addresses, as SQLite and PostgreSQL write it."""
MAX_ACCOUNT, MAX_LOGIN = 32, 255
"""Characters of an account's own name (useradd(8)), and of it with a domain, which can be as long as a host name."""
LOGIN = r"(?=[^@]{1,32}(@|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?(@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?"
"""What useradd takes on Debian and RHEL, and what SSSD and Winbind make of an account of a domain. Not a number alone,
which programs take for an id, and no backslash, which shells and sudo read differently."""
REALM = rf"{LABEL}(\.{LABEL})*".replace("a-z", "A-Z")
MAX_REALM = 253
OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
REVERSE_ZONE = rf"({OCTET}\.){{1,4}}in-addr\.arpa|([0-9a-f]\.){{1,32}}ip6\.arpa"
CLASSLESS_ZONE = re.compile(rf"(?=[^.]*[^.0-9])[a-z0-9_/-]{{1,63}}\.({OCTET}\.){{3}}in-addr\.arpa", re.IGNORECASE)
"""A zone for a part of a /24 (RFC 2317), such as 0/26.2.0.192.in-addr.arpa."""
NO_HOST = ipaddress.ip_network("0.0.0.0/8")
"""Addresses of "this network" (RFC 1122, 3.2.1.3)."""
MIN_REASON, MAX_REASON = 10, 2000


FINGERPRINT = re.compile(r"[A-Za-z0-9+/]{43}")
MD5_FINGERPRINT = re.compile(r"(?:^|\s|:)[0-9a-f]{2}(?::[0-9a-f]{2}){15}(?:\s|$)", re.IGNORECASE)


def parse_fingerprint(text: str) -> str:
    """Return "SHA256:..." for a fingerprint with or without its prefix, or for a line of ssh-keygen that has one.

    Spaces and line breaks do not matter. An empty text stays empty. Raises ValidationError.
    """
    if not text.strip():
        return ""
    if MD5_FINGERPRINT.search(text.strip()):
        raise ValidationError(
            _("An MD5 fingerprint can be forged. Read the SHA-256 one: ssh-keygen -l -E sha256 -f FILE."),
            code="md5",
        )
    _before, prefix, after = text.upper().partition("SHA256:")
    typed = "".join((text[-len(after) :] if prefix and after else text).split())
    # A whole line of ssh-keygen goes on with a comment; a bare fingerprint does not.
    if match := FINGERPRINT.match(typed) if prefix else FINGERPRINT.fullmatch(typed.removesuffix("=")):
        return f"SHA256:{match.group()}"
    raise ValidationError(
        _("This is not a SHA-256 fingerprint. It has 43 letters, digits, plus signs and slashes after SHA256:."),
        code="fingerprint",
    )


def validate_hostname(name: str) -> None:
    """Accept a fully qualified DNS-safe host name (guide, step 1; RFC 1123, 2.1). Raises ValidationError."""
    if len(name) > MAX_NAME:
        shown = f"{name[:MAX_HOSTNAME]}…"
        raise ValidationError(_too_long(MAX_HOSTNAME) % {"name": shown, "longest": MAX_HOSTNAME}, code="hostname")
    problems = _hostname_problems(name, MAX_HOSTNAME)
    if not problems:
        return
    if offer := suggest_hostname(name):
        problems.append(_("Did you mean %(name)s?") % {"name": offer})
    raise ValidationError(" ".join(problems), code="hostname")


def suggest_hostname(name: str) -> str:
    """Return a correct name that was probably meant by a wrong one, or an empty string when there is none."""
    meant = hostname_offer.offer(name) if len(name) <= MAX_NAME else ""
    return meant if meant != name and not _hostname_problems(meant, MAX_HOSTNAME) else ""


def _hostname_problems(name: str, longest: int) -> list[str]:
    """Everything that is wrong with a name, each kind in its own words."""
    if not name or _is_address(name):
        return [_("Enter a host name, not an address.")]
    labels = name.split(".")
    kinds = (
        (name.endswith("."), _("%(name)s ends with a dot: leave out the final one.")),
        (re.search(r"\s", name) is not None, _("«%(name)s» contains spaces.")),
        (name != name.lower(), _("%(name)s has capital letters: the host name must be all lower-case.")),
        ("_" in name, _("%(name)s contains an underscore, which causes DNS failures.")),
        (
            re.search(r"[^a-zA-Z0-9._\s-]", name) is not None,
            _("%(name)s may only contain lower-case letters, digits, hyphens and dots."),
        ),
        ("" in labels[:-1], _("%(name)s has an empty part between two dots.")),
        (len(name) > longest, _too_long(longest)),
        (any(len(label) > MAX_LABEL for label in labels), _("%(name)s has a part of more than 63 characters.")),
        (
            any(label.startswith("-") or label.endswith("-") for label in labels),
            _("%(name)s has a part that begins or ends with a hyphen."),
        ),
        (len(labels) < 2, _("%(name)s is not fully qualified: it needs a domain, as in ipareplica.example.com.")),
        (labels[-1].isdigit(), _("%(name)s ends in a number, which no domain does.")),
        (
            "localhost" in (labels[0], labels[-1]),
            _("%(name)s means this machine itself: use the name that other hosts know."),
        ),
    )
    return [text % {"name": name, "longest": longest} for wrong, text in kinds if wrong]


def _too_long(longest: int) -> str:
    if longest == MAX_HOSTNAME:
        return _("%(name)s has more than %(longest)d characters, where Linux host names end.")
    return _("%(name)s has more than %(longest)d characters, where DNS names end.")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def validate_zone(name: str) -> None:
    """Accept a DNS zone's name in lower case without the final dot."""
    if problems := _hostname_problems(name, 253):
        raise ValidationError(" ".join(problems), code="zone")


def validate_reverse_zone(name: str) -> None:
    """Accept a zone below in-addr.arpa or ip6.arpa (RFC 1035, 3.5; RFC 3596, 2.5), in any case."""
    if CLASSLESS_ZONE.fullmatch(name.removesuffix(".")):
        raise ValidationError(
            _(
                "%(name)s is a zone of a classless delegation and cannot be chosen. Leave it out: the portal follows "
                "the alias in the reverse zone above."
            ),
            code="reverse_zone",
            params={"name": name},
        )
    if re.fullmatch(REVERSE_ZONE, name.removesuffix(".").lower()) is None:
        raise ValidationError(
            _("%(name)s is not a reverse zone, such as 1.168.192.in-addr.arpa or 8.b.d.0.1.0.0.2.ip6.arpa."),
            code="reverse_zone",
            params={"name": name},
        )


def validate_realm(name: str) -> None:
    """Accept a Kerberos realm by the rules of FreeIPA: upper case, labels of DNS; one label will do."""
    if re.fullmatch(REALM, name) is None or len(name) > MAX_REALM:
        text = _(
            "%(name)s is not a realm: capital letters, digits and hyphens, in parts that dots separate, as in "
            "EXAMPLE.COM or LAB."
        )
        raise ValidationError(text, code="realm", params={"name": name})


def validate_login(name: str) -> None:
    """Accept an account name of a Linux host, also one of a directory (useradd(8), sssd.conf(5))."""
    if not re.fullmatch(LOGIN, name) or name in (".", "..") or name.isdigit() or len(name) > MAX_LOGIN:
        text = _(
            "“%(name)s” is not an account name. Use at most %(longest)d letters, digits, dots, hyphens and "
            "underscores, as in svc.portal. An account of a domain has its domain after that, as in "
            "svc.portal@ad.example.com."
        )
        raise ValidationError(text, code="login", params={"name": name, "longest": MAX_ACCOUNT})


PORT = r"(?:\s{0,8}[:@#]\s{0,8}|\s{1,8}port\s{1,8})\d{1,6}\b"
WITH_PORT = re.compile(
    rf"\[(?P<bracketed>[0-9a-f:.]{{2,45}})\](?:{PORT})?|(?<![\w.:])(?P<four>\d{{1,3}}(?:\.\d{{1,3}}){{3}}){PORT}"
    rf"|(?<![\w.:])(?P<six>(?=[0-9a-f.]{{0,45}}:)[0-9a-f:.]{{2,45}}){PORT.replace('[:@#]', '[@#]')}",
    re.IGNORECASE,
)
"""The forms in which people write an address with a port: BIND's, dig's, unbound's and that of URLs."""


def split_addresses(text: str) -> list[str]:
    """Split a text at white space and commas, but leave an address together with the port behind it."""
    words, rest = list[str](), 0
    for found in WITH_PORT.finditer(text):
        words += [*re.split(r"[\s,;]+", text[rest : found.start()]), found.group()]
        rest = found.end()
    return [word for word in (*words, *re.split(r"[\s,;]+", text[rest:])) if word]


def parse_addresses(given: object) -> list[str]:
    """IPv4 and IPv6 addresses in canonical form, in order, each once; separated by white space or commas in a text.

    Raises ValidationError that names every one that no other host could use.
    """
    words = split_addresses(given) if isinstance(given, str) else given
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValidationError(_("Give a list of addresses."), code="address")  # JSON can hold anything
    found: list[str] = []
    errors: list[ValidationError] = []
    for word in dict.fromkeys(words):
        try:
            found += [str(_address(word))] if word else []
        except ValidationError as error:
            errors.append(error)
    if errors:
        raise ValidationError(errors)
    return list(dict.fromkeys(found))


def _address(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if found := WITH_PORT.fullmatch(word):
        plain = next(group for group in found.groups() if group)
        if word == f"[{plain}]":
            raise ValidationError(
                _("%(word)s is in brackets: enter the address alone, %(plain)s."),
                code="address",
                params={"word": word, "plain": plain},
            )
        raise ValidationError(
            _("%(word)s has a port, which cannot be given: enter the address alone, %(plain)s."),
            code="address",
            params={"word": word, "plain": plain},
        )
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        raise ValidationError(
            _("%(word)s is not an IPv4 or IPv6 address."), code="address", params={"word": word}
        ) from None
    mapped = getattr(address, "ipv4_mapped", None)
    kinds = (
        (mapped is not None, _("%(word)s is an IPv4 address in the form of IPv6: write %(mapped)s.")),
        (address.is_loopback, _("%(word)s is a loopback address: no other host can reach it.")),
        (address.is_multicast, _("%(word)s is a multicast address.")),
        (address.is_unspecified or address in NO_HOST, _("%(word)s stands for no address.")),
        (address.is_link_local, _("%(word)s is a link-local address: it means something else on each network.")),
        ("%" in word, _("%(word)s names an interface, which means nothing on another host.")),
        (str(address) == "255.255.255.255", _("%(word)s is the broadcast address.")),
        (address.is_reserved, _("%(word)s is a reserved address, which no host has.")),
        (
            getattr(address, "is_site_local", False),
            _("%(word)s is a site-local address. Those are no longer in use: choose a unique local one (fd00::/8)."),
        ),
    )
    for wrong, text in kinds:
        if wrong:
            raise ValidationError(text, code="address", params={"word": word, "mapped": mapped})
    return address


def parse_ssh_address(word: str) -> str:
    """The address of another host, in canonical form. Raises ValidationError.

    With LOCAL_HOSTS the portal's own machine may be a host too, on its loopback addresses as well.
    """
    if settings.LOCAL_HOSTS and _is_address(word) and ipaddress.ip_address(word) in own_machine.addresses():
        return str(ipaddress.ip_address(word))
    address = _address(word)
    if address in own_machine.addresses():
        text = _("%(word)s is an address of the portal’s own machine, which must not become a server of a realm.")
        raise ValidationError(text, code="address", params={"word": word})
    return str(address)


def validate_ssh_address(word: str) -> None:
    """Accept an address at which the portal can reach a host of a realm. Raises ValidationError."""
    parse_ssh_address(word)


def validate_reason(text: str) -> None:
    """Accept a reason that tells whoever reads it later something."""
    if len(text.strip()) < MIN_REASON:
        raise ValidationError(_("Say why, in at least %(n)d characters."), code="reason", params={"n": MIN_REASON})
    if len(text) > MAX_REASON:
        raise ValidationError(_("A reason has at most %(n)d characters."), code="reason", params={"n": MAX_REASON})


def validate_path(value: str) -> None:
    """An absolute path that needs no quoting anywhere. Raises ValidationError."""
    if not re.fullmatch(r"(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+", value):
        raise ValidationError(_("%(path)s is not a path of a file that can be used.") % {"path": value})


def validate_netbios(name: str) -> None:
    """Accept the NetBIOS name of a domain. Raises ValidationError."""
    if re.fullmatch(r"[A-Z0-9][A-Z0-9-]{0,14}", name) is None:
        raise ValidationError(
            _("%(name)s is no NetBIOS name: at most 15 capital letters, digits and hyphens.") % {"name": name}
        )


def validate_label(name: str) -> None:
    """A name that needs no quoting anywhere. Raises ValidationError."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_. /-]*", name) is None:
        raise ValidationError(_("%(name)s has characters that cannot be used in a name.") % {"name": name})


def _reverse_zone(word: str) -> str:
    validate_reverse_zone(word)
    return word.removesuffix(".").lower()


def _server(word: str) -> str:
    if not _is_address(word):
        validate_hostname(word)
        return word
    return str(_address(word))


def _dot_forwarder(word: str) -> str:
    """ADDRESS#NAME: the name is what the forwarder's certificate has to be for."""
    address, mark, name = word.partition("#")
    plain = _address(address)
    if not mark:
        raise ValidationError(
            _("Write %(word)s with the name of its certificate, as in 192.0.2.53#dns.example.com.") % {"word": word}
        )
    validate_hostname(name)
    return f"{plain}#{name}"


WORDS = {"more_reverse_zones": _reverse_zone, "ntp_servers": _server, "dot_forwarders": _dot_forwarder}
"""What each word of a list has to be, and its canonical form."""


def parse_words(field: str, given: object) -> list[str]:
    """The words of one of WORDS, each once; separated by white space or commas in a text. Raises ValidationError."""
    if isinstance(given, str):
        given = re.split(r"[\s,;]+", re.sub(r"\s{1,8}port\s{1,8}(?=\d)", "@", given, flags=re.IGNORECASE))
    words = given or []
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValidationError(_("Give a list of words."))  # JSON can hold anything
    found: list[str] = []
    errors: list[ValidationError] = []
    for word in filter(None, words):
        try:
            found.append(WORDS[field](word))
        except ValidationError as error:
            errors.append(error)
    if errors:
        raise ValidationError(errors)
    return list(dict.fromkeys(found))


def check_options(replica: Replica) -> None:
    """Bring the options of a request into canonical form, and check what they need and exclude (guide, steps 1 and 3).

    Raises ValidationError by field.
    """
    _normalise(replica)
    errors: dict[str, list[Any]] = {}
    for wrong, field, text in _option_problems(replica):
        if wrong:
            errors.setdefault(field, []).append(text)
    if errors:
        raise ValidationError(errors)


def _normalise(replica: Replica) -> None:
    errors: dict[str, ValidationError] = {}
    for field in ("ip_addresses", "forwarders"):
        try:
            setattr(replica, field, parse_addresses(getattr(replica, field)))
        except ValidationError as error:
            errors[field] = error
    try:
        replica.ssh_address = parse_ssh_address(replica.ssh_address) if replica.ssh_address else ""
    except ValidationError as error:
        errors["ssh_address"] = error
    for field in LISTS:
        try:
            setattr(replica, field, parse_words(field, getattr(replica, field)) or None)
        except ValidationError as error:
            errors[field] = error
    for field, none in (("skip_conncheck_reason", ""), ("other_host_reason", ""), ("leftovers_reason", None)):
        reason = (getattr(replica, field) or "").strip()
        setattr(replica, field, reason or none)
        try:
            if reason:
                validate_reason(reason)
        except ValidationError as error:
            errors[field] = error
    replica.reverse_zone = replica.reverse_zone.removesuffix(".").lower()
    if errors:
        raise ValidationError(errors)


def _option_problems(replica: Replica) -> Iterable[tuple[bool, str, Any]]:
    yield from _forwarder_problems(replica)
    yield from _reverse_problems(replica)
    yield from realm_rules.problems(replica)
    if getattr(replica, "master_id", None) is not None:
        yield from _master_problems(replica)


def _forwarder_problems(replica: Replica) -> Iterable[tuple[bool, str, Any]]:
    dns = replica.setup_dns
    found = realm_rules.finds_forwarders(replica)
    neither = not replica.forwarders and not replica.no_forwarders and not found
    yield dns and neither, "forwarders", _("DNS needs forwarders, or an explicit «no forwarders».")
    both = bool(replica.forwarders) and replica.no_forwarders
    yield both, "no_forwarders", _("Give forwarders, or «no forwarders», not both.")
    yield (
        not dns and bool(replica.forwarders),
        "forwarders",
        _("Forwarders are for a replica with DNS: ask for DNS too."),
    )
    yield not dns and replica.no_forwarders, "no_forwarders", _("«No forwarders» is for a replica with DNS.")
    validation = replica.no_dnssec_validation
    yield not dns and validation, "no_dnssec_validation", _("DNSSEC validation is a choice for a replica with DNS.")
    only = replica.forward_policy == ForwardPolicy.ONLY
    yield not dns and only, "forward_policy", _("A forward policy is for a replica with DNS.")
    yield dns and only and not (replica.forwarders or found), "forward_policy", _("«only» needs forwarders to ask.")
    own = set(replica.forwarders) & {*replica.ip_addresses, replica.ssh_address}
    yield bool(own), "forwarders", _("A replica cannot forward to its own address.")


def _reverse_problems(replica: Replica) -> Iterable[tuple[bool, str, Any]]:
    both = bool(replica.reverse_zone) and replica.no_reverse
    yield both, "reverse_zone", _("A reverse zone and «no reverse zone» exclude each other.")
    alone = not replica.ip_addresses
    yield alone and bool(replica.reverse_zone), "reverse_zone", _("A reverse zone needs an IP address to put there.")
    zone = replica.reverse_zone
    if re.fullmatch(REVERSE_ZONE, zone):
        # A zone may be for one address alone.
        outside = [word for word in replica.ip_addresses if not f".{_reverse_name(word)}".endswith(f".{zone}")]
        yield (
            bool(outside),
            "reverse_zone",
            _("%(zone)s does not hold the reverse name of %(words)s.") % {"zone": zone, "words": ", ".join(outside)},
        )
    yield alone and replica.no_reverse, "no_reverse", _("«No reverse zone» says something only with an IP address.")


def _reverse_name(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def _certificate_problems(replica: Replica, realm_has_ca: bool | None) -> Iterable[tuple[bool, str, Any]]:
    """`realm_has_ca` is None where a master has not said so."""
    uploaded = replica.certificates or {}
    kdc = "pkinit_certificate"
    for upload in UPLOADS:
        name = file_of(upload)
        named, given = bool(getattr(replica, name)), upload in uploaded
        needed = _("The realm has no authority that could issue it: upload it, or say where it is.")
        yield realm_has_ca is False and upload != kdc and not (named or given), name, needed
        unneeded = _("The realm's own authority issues it: leave this out.")
        yield realm_has_ca is True and named, name, unneeded
        yield realm_has_ca is True and given, upload, unneeded
        yield named and given, name, _("It is uploaded: leave out where it is.")
    mixed = bool(uploaded) and any(getattr(replica, name) for name in CERTIFICATE_FILES)
    yield mixed, CERTIFICATE_FILES[0], _("Upload all certificates, or name all files: they are given one way.")
    has_kdc = bool(replica.pkinit_cert_file) or kdc in uploaded
    yield has_kdc and bool(replica.no_pkinit), "no_pkinit", _("It is given a certificate for PKINIT.")
    asked = realm_has_ca is False and not has_kdc and not replica.no_pkinit
    yield asked, "no_pkinit", _("Give a certificate of the KDC, or ask for «no PKINIT».")
    alone = realm_has_ca is not True and has_kdc and not (_served(replica, "dirsrv") and _served(replica, "http"))
    yield alone, "pkinit_cert_file", _("It needs those of the Directory Server and the web server too.")


def _served(replica: Replica, service: str) -> bool:
    """Whether a certificate is given for it, in either way."""
    return bool(getattr(replica, f"{service}_cert_file")) or f"{service}_certificate" in (replica.certificates or {})


def _master_problems(replica: Replica) -> Iterable[tuple[bool, str, Any]]:
    master = replica.master
    same = replica.hostname == master.hostname
    yield same, "hostname", _("This is the master itself: a replica is another host.")
    whole = replica.hostname == master.realm.domain
    yield whole, "hostname", _("This is the realm's domain itself: the name of a host in it has one part more.")
    there = (replica.ssh_address, replica.ssh_port) == (master.ssh_address, master.ssh_port)
    yield there, "ssh_address", _("This is where the master itself answers: a replica is another host.")
    without = not master.realm.dns
    yield (
        without and bool(replica.ip_addresses),
        "ip_addresses",
        _(
            "This realm has no integrated DNS: there is no DNS record to update, and the attempt to create the replica "
            "would fail when the DNS record operation fails. Leave the addresses out."
        ),
    )
    yield (
        without and replica.setup_dns,
        "setup_dns",
        _(
            "This realm has no integrated DNS, so there are no zones to serve. Its first name server is set up by "
            "hand: register that server as a master then."
        ),
    )
    known = registry.options(master.realm.backend)
    offered = registry.offered(master.realm.backend, master.versions, master.offers)
    chosen = {name for name in REALM_OPTIONS if getattr(replica, name, None)} | set(replica.certificates or {})
    for name in REALM_OPTIONS:
        yield name in chosen - known, name, _("Realms of this kind do not have this option.")
        yield name in chosen & (known - offered), name, _("The master's release does not have this option.")
    yield from _certificate_problems(replica, (master.offers or {}).get("realm_has_ca"))
    yield bool(replica.setup_kra) and not replica.setup_ca, "setup_kra", _("It needs a certificate authority too.")
    no_kra = (master.offers or {}).get("realm_has_kra") is False
    yield bool(replica.setup_kra) and no_kra, "setup_kra", _("The realm has none that could be copied.")
    yield replica.setup_ca and not master.ca, "setup_ca", _("The master has no authority of its own to copy.")


def addresses_check(table: str, field: str) -> models.CheckConstraint:
    """A list of nothing but what addresses are written with: neither a name nor a line of a configuration file."""
    text = Cast(models.F(field), models.TextField())
    return models.CheckConstraint(condition=Regex(text, ADDRESSES), name=f"{table}_{field}_are_addresses")


def lowercase_hostname_check(table: str) -> models.CheckConstraint:
    """The shape of a host name as a database constraint, so that no way around the forms bypasses it."""
    return models.CheckConstraint(condition=Q(hostname__regex=HOSTNAME), name=f"{table}_hostname_dns_safe")


def parse_windows(text: str) -> list[str]:
    """Maintenance windows, one a line, as they are stored (replicas/lifecycle/windows.py). Raises ValidationError."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        try:
            found.append(windows.check(line))
        except ValueError:
            message = _(
                "«%(line)s» names no time: write days and hours, as in Mon-Fri 22:00-04:00 or Sat,Sun 00:00-24:00."
            )
            raise ValidationError(message % {"line": line.strip()}, code="window") from None
    return list(dict.fromkeys(found))


def validate_zone_name(name: str) -> None:
    """Accept a name of the time zone database. Raises ValidationError."""
    if name not in available_timezones():
        raise ValidationError(
            _("%(name)s is no time zone: write it as in Europe/Berlin.") % {"name": name}, code="zone"
        )


def validate_webhook(url: str) -> None:
    """Accept an https address without a password, or http to this machine itself. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or any(letter.isspace() for letter in url):
        raise ValidationError(_("Enter a whole address, as in https://chat.example.com/hooks/replicas."))
    if parts.username or parts.password:
        raise ValidationError(_("Leave user and password out: the signature tells the receiver who calls."))
    if parts.scheme == "http" and not _loopback(host):
        raise ValidationError(_("Over http anybody on the way could read and change what is sent: use https."))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
