"""Host names, origins and the portal's own address, as browsers write them."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import idna

from portal.environment import SettingError, entries, shown, text

PORTS = {"http": 80, "https": 443}
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
SEGMENT = r"/[A-Za-z0-9_~-][A-Za-z0-9._~-]*"


class PublicAddress(NamedTuple):
    """Where people reach the portal: the whole address without a final slash, and its path ("" at the root)."""

    url: str
    path: str


def hosts(name: str, default: list[str]) -> list[str]:
    """Return the names that the portal answers for. Raises SettingError."""
    result = [_host_entry(name, entry) for entry in entries(name)]
    return list(dict.fromkeys(result)) or default


def origins(name: str) -> list[str]:
    """Return origins: scheme, host, and the port where it is not the scheme's own. Raises SettingError."""
    result = []
    for entry in entries(name):
        parts = _parts(name, entry)
        wildcard = (parts.hostname or "").startswith("*.")
        host = canonical_host((parts.hostname or "").removeprefix("*."))
        if not host:
            raise _refused(name, entry, "is not an origin", "Write origins such as https://portal.example.com.")
        result.append(f"{parts.scheme}://{'*.' if wildcard else ''}{host}{_port(parts)}")
    return list(dict.fromkeys(result))


def public(name: str, default: str) -> PublicAddress:
    """Return where people reach the portal. Raises SettingError."""
    value = text(name, default)
    parts = _parts(name, value)
    host = canonical_host(parts.hostname or "")
    if not host or parts.query or parts.fragment:
        raise _refused(name, value, "is not the address of the portal", "Write it as in https://portal.example.com.")
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    if not re.fullmatch(rf"({SEGMENT})*", path, re.ASCII):
        problem = "has a path with other characters than letters, digits, hyphens, underscores and dots"
        raise _refused(name, value, problem, "Write it as in https://tools.example.com/portal.")
    return PublicAddress(f"{parts.scheme}://{host}{_port(parts)}{path}", path)


def proxies(name: str) -> None:
    """Check the proxies that uvicorn trusts: it reads the variable by itself, and ignores what it cannot read.

    Raises SettingError.
    """
    for entry in filter(None, map(str.strip, os.environ.get(name, "").split(","))):
        try:
            if entry != "*":
                ipaddress.ip_network(entry)
        except ValueError:
            remedy = "Write addresses or networks, such as 192.0.2.1 or 192.0.2.0/28, separated by commas."
            raise _refused(name, entry, "is not an address or a network", remedy) from None


def syslog(name: str) -> str:
    """Return "", the path of a socket, or HOST:PORT. Raises SettingError."""
    value = text(name)
    host, _colon, port = value.rpartition(":")
    if value and not value.startswith("/"):
        named = canonical_host(host)
        if not named or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
            raise SettingError(name, f"is {shown(value)}", "Write /dev/log, or HOST:PORT as in log.example.com:514.")
        return f"{named}:{int(port)}"
    return value


def canonical_host(host: str) -> str:
    """Return a host in lower case, international names in their ASCII form, IPv6 in brackets; "" when it is none."""
    host = host.strip().removesuffix(".").lower()
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        pass
    else:
        if address.version == 4:
            return str(address)
        return "" if "%" in bare else f"[{address}]"
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return ""
    return host if re.fullmatch(rf"{LABEL}(\.{LABEL})*", host, re.ASCII) and len(host) <= 253 else ""


def _host_entry(name: str, entry: str) -> str:
    """Return an entry of the allowed hosts in Django's form: neither scheme nor port, a leading dot for all below."""
    if entry == "*":
        return entry  # refused by a check (portal.E001)
    host = _parts(name, entry).hostname or "" if "://" in entry else entry.rstrip("/")
    if match := re.fullmatch(r"(\[[^\]]*\]|[^:]*):[0-9]+", host, re.ASCII):
        host = match[1]
    below = host.startswith(".")
    if canonical := canonical_host(host[below:]):
        return f".{canonical}" if below else canonical
    if host.startswith("*."):
        remedy = f"Write {shown(host[1:])}, which stands for the domain and every name in it."
        raise _refused(name, entry, "has a wildcard that is not supported", remedy)
    raise _refused(
        name, entry, "is not a host name", "Write names separated by commas, as in portal.example.com,[::1]."
    )


def _parts(name: str, value: str) -> SplitResult:
    """Return the parts of an address with a scheme. Raises SettingError."""
    if "://" not in value:
        raise _refused(name, value, "has no scheme", "Begin it with https://, as in https://portal.example.com.")
    scheme, _mark, rest = value.partition("://")
    try:
        parts = urlsplit(f"{scheme.lower()}://{rest}")
        port = parts.port
    except ValueError:
        raise _refused(name, value, "cannot be read", "Write it as in https://portal.example.com:8443.") from None
    if parts.scheme not in PORTS:
        raise _refused(name, value, "has a scheme that is not http or https", "Begin it with https://.")
    if parts.username is not None or port == 0:
        raise _refused(name, value, "has a user, a password or port 0", "Write the scheme, the host and the port only.")
    return parts


def _port(parts: SplitResult) -> str:
    return "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"


def _refused(name: str, entry: str, problem: str, remedy: str) -> SettingError:
    """An entry with an @ may hold a password, and is not repeated."""
    named = f"has an entry with an @ that {problem}" if "@" in entry else f"has {shown(entry)}, which {problem}"
    return SettingError(name, named, remedy)
