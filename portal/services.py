"""DATABASE_URL, REDIS_URL and EMAIL_URL as settings; no message repeats a part of a URL, which may be a password."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from email.utils import parseaddr
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, unquote_to_bytes, urlsplit

import environ
import psycopg
from django.core.mail.message import sanitize_address
from huey.serializer import SignedSerializer
from psycopg.conninfo import make_conninfo
from redis.asyncio.connection import parse_url as parse_async_url
from redis.connection import ConnectionPool, parse_url
from redis.exceptions import RedisError

from portal.environment import OFF, ON, SettingError, shown, text

CONNECTIONS_BESIDE = 4
"""Of a process, beside its tasks and runs: pages, or the sweeper."""
CONNECTIONS_A_RUN = 5
"""The engine, its lease, its log, its facts, and one to spare; a lease must never wait for a connection."""
WAIT_SECONDS = 3.0
"""For a connection; a page says so soon after when there is none."""
SESSION = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    # A frozen or vanished machine gives up the rows that it holds locked well before its lease is up.
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
SOCKET = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
OF_DJANGO = ("assume_role", "isolation_level", "pool", "server_side_binding")
"""Options of DATABASE_URL that Django takes for itself."""
STARTTLS_PORTS = (25, 587)
REDIS = {"socket_timeout": 10, "socket_connect_timeout": 3, "health_check_interval": 15}
"""Longer than the blocking pops of Huey (1 s) and channels (5 s)."""


def postgresql(url: str, workers: int, tasks: int) -> dict[str, Any]:
    """The settings of a database; libpq's options (sslmode, sslrootcert, host, ...) come in the URL's query.

    Every process has a pool, so that ASGI's many threads share connections and a restarted server is noticed before
    a query is. A worker has up to twice as many runs as `workers`: its own, and those of a neighbour that died.

    Raises SettingError for another kind of database or a URL that cannot be read.
    """
    parts = url_parts("DATABASE_URL", url, ("postgresql", "postgres"))
    try:
        database: dict[str, Any] = environ.Env.db_url_config(_joined(parts))
    except ValueError:
        raise _unreadable("DATABASE_URL") from None
    database["HOST"] = unquote(database["HOST"])  # a socket's folder, as libpq has it: %2Frun%2Fpostgresql
    given = database.get("OPTIONS", {})
    _check_options(database["NAME"], given)
    session = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    most = CONNECTIONS_BESIDE + tasks + CONNECTIONS_A_RUN * 2 * workers
    pool = {"min_size": 1, "max_size": most, "timeout": WAIT_SECONDS}
    options = {"application_name": "portal", **SOCKET, "tcp_user_timeout": 20_000, "options": session, "pool": pool}
    return database | {"CONN_HEALTH_CHECKS": True, "OPTIONS": options | given}


def _check_options(name: str, options: dict[str, Any]) -> None:
    if not name and "service" not in options:
        raise SettingError(
            "DATABASE_URL", "names no database", "Write its name at the end: postgresql://USER@HOST/NAME."
        )
    try:
        make_conninfo(**{option: value for option, value in options.items() if option not in OF_DJANGO})
    except psycopg.Error:
        remedy = "After the question mark write options of libpq, such as sslmode=verify-full."
        raise SettingError("DATABASE_URL", "has an option that PostgreSQL's client does not know", remedy) from None
    for option, value in options.items():
        known = {"sslmode": SSL_MODES, "pool": (0,)}.get(option)
        if (known and value not in known) or (option in SOCKET and not isinstance(value, int)):
            raise SettingError("DATABASE_URL", f"has a wrong value of {option}", "Correct the value, or leave it out.")


def redis_queue(url: str, secret: str) -> dict[str, Any]:
    """Huey on Redis. Its messages are Python pickles, so they are signed: who writes to Redis runs nothing here."""
    return {
        "huey_class": "portal.queue.Queue",
        "connection": _parsed(parse_url, url) | REDIS,
        "serializer": SignedSerializer(secret=secret),
    }


def redis_layer(url: str) -> dict[str, Any]:
    """The channel layer of several web servers. It carries only «run N has reached line S»."""
    hosts = [_parsed(parse_async_url, url) | REDIS]
    return {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": hosts, "prefix": "portal"}}


def _parsed(parse: Callable[[str], Any], url: str) -> dict[str, Any]:
    """As separate values: error pages hide what is called a password, but not one within a URL."""
    parts = url_parts("REDIS_URL", url, ("redis", "rediss", "unix"))
    if parts.scheme != "unix" and not re.fullmatch(r"(/[0-9]{0,5})?", parts.path, re.ASCII):
        raise SettingError("REDIS_URL", "has a database that is not a number", "Write redis://:PASSWORD@HOST/0.")
    whole = _joined(parts)
    try:
        ConnectionPool.from_url(whole).make_connection()  # connects to nothing yet
        return dict(parse(whole))
    except ValueError:
        raise _unreadable("REDIS_URL") from None
    except (TypeError, AttributeError, RedisError):
        remedy = "After the question mark write options such as ssl_ca_certs=/etc/portal/ca.crt."
        raise SettingError("REDIS_URL", "has an option that Redis's client does not know", remedy) from None


def email(url: str) -> dict[str, Any]:
    """Return the settings of a mail server. Raises SettingError."""
    parts = url_parts("EMAIL_URL", url, environ.Env.EMAIL_SCHEMES)
    if parts.scheme.startswith("smtp") and (not parts.hostname or "," in parts.hostname):
        raise SettingError(
            "EMAIL_URL", "does not name one mail server", "Write it as in smtp+tls://USER:PASSWORD@HOST:587."
        )
    settings: dict[str, Any] = environ.Env.email_url_config(_joined(parts._replace(query="")))
    for option, values in parse_qs(parts.query, keep_blank_values=True).items():
        value = values[-1].lower()
        if option.upper() not in environ.Env._EMAIL_BASE_OPTIONS or value not in ON + OFF:
            remedy = (
                "Choose the encryption by the scheme: smtp+tls:// for STARTTLS, smtp+ssl:// for TLS from the start."
            )
            raise SettingError("EMAIL_URL", "has an option that is not supported", remedy)
        settings[option.upper()] = value in ON
    if parts.scheme == "smtps" and settings["EMAIL_PORT"] not in STARTTLS_PORTS:  # RFC 8314, section 7.3
        settings |= {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}
    if settings.get("EMAIL_USE_TLS") and settings.get("EMAIL_USE_SSL"):
        raise SettingError("EMAIL_URL", "asks for both STARTTLS and TLS", "Use smtp+tls:// or smtp+ssl:// alone.")
    return settings


def sender(name: str, default: str) -> str:
    """Return the sender of e-mails. Raises SettingError."""
    value = text(name, default)
    try:
        usable = re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", parseaddr(value)[1]) and sanitize_address(value, "utf-8")
    except ValueError:
        usable = ""
    if not usable:
        remedy = "Write one address, as in Replica portal <portal@example.com>."
        raise SettingError(name, f"is {shown(value)}, which is not an e-mail address", remedy)
    return value


def url_parts(name: str, url: str, schemes: Collection[str]) -> SplitResult:
    """Return the parts of a URL of one of the schemes, with a literal + in its user and password.

    Raises SettingError when a character of a password could be taken for the end of it.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in schemes:
        known = " or ".join(f"{known}://" for known in schemes)
        raise SettingError(name, f"does not begin with {known}", "Write the whole URL.")
    if re.search(r"[#\s]|%(?![0-9A-Fa-f]{2})|%00", rest) or not rest.isprintable() or not _is_utf8(rest):
        raise _unreadable(name)
    try:
        parts = urlsplit(f"{scheme.lower()}://{rest}")
    except ValueError:
        raise _unreadable(name) from None
    user, at, hosts = parts.netloc.rpartition("@")
    elsewhere = parts.query if parts.scheme == "unix" else parts.path + parts.query
    if "@" in elsewhere or not all(_is_host(host) for host in hosts.split(",")):
        raise _unreadable(name)
    return parts._replace(netloc=f"{user.replace('+', '%2B')}{at}{hosts}")


def _joined(parts: SplitResult) -> str:
    """Return the URL again; urlunsplit would drop the slashes of a scheme that it does not know."""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"


def _is_utf8(text: str) -> bool:
    """Whether the escapes are UTF-8: what is not would silently become another password."""
    try:
        unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_host(text: str) -> bool:
    """Whether that is a host, or nothing, and perhaps a port."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(:([0-9]{0,5}))?", text, re.ASCII)
    return match is not None and 0 < int(match[3] or 1) < 65536


def _unreadable(name: str) -> SettingError:
    remedy = (
        "In a user or a password, write / as %2F, @ as %40, : as %3A, # as %23, ? as %3F, % as %25 and a space as %20. "
        "Escape other characters as in UTF-8. A port is a number from 1 to 65535."
    )
    return SettingError(name, "cannot be read", remedy)
