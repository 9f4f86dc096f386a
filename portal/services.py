"""DATABASE_URL and REDIS_URL in the words of Django, Huey and channels; nothing repeats a URL with its password."""

from __future__ import annotations

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from huey.serializer import SignedSerializer
from redis.asyncio.connection import parse_url as parse_async_url
from redis.connection import parse_url

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
REDIS = {"socket_timeout": 10, "socket_connect_timeout": 3, "health_check_interval": 15}
"""Longer than the blocking pops of Huey (1 s) and channels (5 s)."""


def postgresql(url: str, workers: int, tasks: int) -> dict[str, Any]:
    """The settings of a database; libpq's options (sslmode, sslrootcert, host, ...) come in the URL's query.

    Every process has a pool, so that ASGI's many threads share connections and a restarted server is noticed before
    a query is. A worker has up to twice as many runs as `workers`: its own, and those of a neighbour that died.

    Raises ImproperlyConfigured for another kind of database or a URL that cannot be read.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://; without it the portal uses SQLite.")
    try:
        database: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError:
        raise _unreadable("DATABASE_URL") from None
    given = database.get("OPTIONS", {})
    session = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    most = CONNECTIONS_BESIDE + tasks + CONNECTIONS_A_RUN * 2 * workers
    pool = {"min_size": 1, "max_size": most, "timeout": WAIT_SECONDS}
    options = {"application_name": "portal", **SOCKET, "tcp_user_timeout": 20_000, "options": session, "pool": pool}
    return database | {"CONN_HEALTH_CHECKS": True, "OPTIONS": options | given}


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


def _parsed(parse: Any, url: str) -> dict[str, Any]:
    """As separate values: error pages hide what is called a password, but not one within a URL."""
    try:
        return dict(parse(url))
    except ValueError:
        raise _unreadable("REDIS_URL") from None


def _unreadable(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} cannot be read. Characters like / and @ in a password are written as %2F, %40."
    )
