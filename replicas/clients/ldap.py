"""A directory over TLS: ldap3, synchronous underneath, with the realm's authority pinned."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias, TypeVar

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars as escape

from replicas.errors import DirectoryError, DirectoryLost, WrongPassword
from replicas.hostside import tls

T = TypeVar("T")
Values: TypeAlias = "Sequence[str | bytes]"
Entry: TypeAlias = dict[str, list[str]]
Change: TypeAlias = tuple[Literal["add", "delete", "replace"], str, Values]
Scope = Literal["base", "one", "subtree"]

SUCCESS, NO_SUCH_ATTRIBUTE, VALUE_EXISTS, NO_SUCH_OBJECT, INVALID_CREDENTIALS = 0, 16, 20, 32, 49
SCOPES = {"base": ldap3.BASE, "one": ldap3.LEVEL, "subtree": ldap3.SUBTREE}
CHANGES = {"add": ldap3.MODIFY_ADD, "delete": ldap3.MODIFY_DELETE, "replace": ldap3.MODIFY_REPLACE}
COUNTER_TRIES = 50
CONNECT_SECONDS = 10
# A busy disk holds a change up for longer than a network does; what waits in vain for less is done twice.
ANSWER_SECONDS = 20
PAGE = 500
VERDICT = re.compile(r"certificate verify failed: (.+?) \(_ssl\.c")
"""What Python says of OpenSSL's verdict on a certificate."""
NO_CONNECTION = (("timed out", "no answer in time"), ("refused", "connection refused"))


class LdapRefused(DirectoryError):
    """The server answered with a result code other than success; `code` is that of RFC 4511, 4.1.9."""

    def __init__(self, message: str, code: int, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.code = code


class Directory:
    """A bound connection; its operations run one after the other, each in a thread."""

    def __init__(self, hostname: str, connection: ldap3.Connection) -> None:
        self.hostname = hostname
        # The published stubs of ldap3 know only half of its operations.
        self._connection: Any = connection
        self._lock = asyncio.Lock()
        self.guard: Callable[[], None] = lambda: None
        """Asked before anything is sent, and raises when nothing may be: a lease that ran out, for one."""

    @classmethod
    @contextlib.asynccontextmanager
    async def bind(
        cls,
        hostname: str,
        address: str,
        ca_pem: str,
        dn: str,
        password: str,
        *,
        starttls: bool = False,
        port: int | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> AsyncIterator[Self]:
        """Connect to `address`, insist on a certificate for `hostname`, and bind.

        LDAPS on 636, or StartTLS on 389. Raises WrongPassword, and DirectoryError when the server cannot be reached.
        An operation that has no answer after `timeout` seconds raises DirectoryLost.
        """
        connection = _connection(hostname, address, ca_pem, dn, password, starttls, port, timeout)
        directory = cls(hostname, connection)
        await asyncio.to_thread(_open, directory, address, starttls)
        try:
            yield directory
        finally:
            await asyncio.to_thread(connection.unbind)

    async def get(self, dn: str, attrs: Sequence[str] = ("*",)) -> Entry | None:
        """One entry's attributes, named as asked for; None when there is no such entry."""
        found = await self.search(dn, "(objectClass=*)", attrs, "base")
        return found[0][1] if found else None

    async def search(
        self, base: str, filter: str, attrs: Sequence[str] = ("*",), scope: Scope = "subtree"
    ) -> list[tuple[str, Entry]]:
        """Name and attributes of each match; nothing when the base is not there. Callers escape values in `filter`."""

        def ask() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            cookie: bytes | None = None
            while True:
                paging = {} if scope == "base" else {"paged_size": PAGE, "paged_cookie": cookie}
                self._connection.search(base, filter, SCOPES[scope], attributes=list(attrs), **paging)
                self._judge(f"searching {base}", {SUCCESS, NO_SUCH_OBJECT})
                found += self._connection.response or []
                control = (self._connection.result.get("controls") or {}).get("1.2.840.113556.1.4.319")
                cookie = control["value"]["cookie"] if control else None
                if not cookie:
                    return found

        entries = await self._do(ask)
        return [(one["dn"], _entry(one["raw_attributes"], attrs)) for one in entries if one["type"] == "searchResEntry"]

    async def add(self, dn: str, attributes: Mapping[str, Values | str]) -> None:
        """Add an entry, object classes among its attributes."""

        def ask() -> None:
            self._connection.add(dn, attributes={name: value for name, value in attributes.items() if value})
            self._judge(f"adding {dn}")

        await self._do(ask)

    async def modify(self, dn: str, *changes: Change) -> None:
        """Apply all changes in one operation, in order."""

        def ask() -> None:
            together: dict[str, list[tuple[Any, list[str | bytes]]]] = {}
            for kind, name, values in changes:
                together.setdefault(name, []).append((CHANGES[kind], list(values)))
            self._connection.modify(dn, together)
            self._judge(f"changing {dn}")

        await self._do(ask)

    async def delete(self, dn: str) -> bool:
        """Remove an entry; False when it is not there."""

        def ask() -> bool:
            self._connection.delete(dn)
            return self._judge(f"removing {dn}", {SUCCESS, NO_SUCH_OBJECT}) == SUCCESS

        return await self._do(ask)

    async def take_counter(self, dn: str, attr: str, taker: str) -> int:
        """The counter's value, which nobody else gets: replaced by the next one in a single operation.

        The same operation adds "VALUE TAKER" to the entry's `description`; so whoever asks again with the same `taker`,
        not knowing whether an earlier attempt came through, gets the same value.
        """
        for _ in range(COUNTER_TRIES):
            entry = await self.get(dn, [attr, "description"])
            if entry is None or len(entry.get(attr, [])) != 1:
                raise DirectoryError(f"There is no counter {attr} at {dn} on {self.hostname}.", "Add it to the realm.")
            for line in entry.get("description", []):
                value, __, who = line.partition(" ")
                if who == taker:
                    return int(value)
            taken = int(entry[attr][0])
            changes: tuple[Change, ...] = (
                ("delete", attr, [str(taken)]),
                ("add", attr, [str(taken + 1)]),
                ("add", "description", [f"{taken} {taker}"]),
            )
            try:
                await self.modify(dn, *changes)
            except LdapRefused as error:
                if error.code not in (NO_SUCH_ATTRIBUTE, VALUE_EXISTS):
                    raise
                await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - spreads retries, guards nothing
            else:
                return taken
        raise DirectoryError(f"{attr} at {dn} was taken by others {COUNTER_TRIES} times in a row.", "Try again.")

    async def forget_taker(self, dn: str, taker: str) -> None:
        """Take the note of `take_counter` away; the value stays taken."""
        entry = await self.get(dn, ["description"]) or {}
        for line in entry.get("description", []):
            if line.partition(" ")[2] == taker:
                await self.modify(dn, ("delete", "description", [line]))

    async def _do(self, ask: Callable[[], T]) -> T:
        async with self._lock:
            self.guard()
            try:
                return await asyncio.to_thread(ask)
            except LDAPException as error:
                raise DirectoryLost(
                    f"{self.hostname} did not answer: {error}.", "See that its Directory Server runs."
                ) from error

    def _judge(self, what: str, accepted: set[int] | None = None) -> int:
        result = self._connection.result
        code = int(result["result"])
        if code not in (accepted or {SUCCESS}):
            detail = f": {result['message']}" if result.get("message") else ""
            raise LdapRefused(f"{self.hostname} refused {what}: {result['description']} ({code}){detail}", code)
        return code


class _Pinned(ldap3.Tls):
    """TLS in which OpenSSL itself checks authority and name; the library's own check also accepts the address."""

    def __init__(self, hostname: str, ca_pem: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._hostname, self._context = hostname, tls.trusting(ca_pem)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._hostname)


def _connection(
    hostname: str, address: str, ca_pem: str, dn: str, password: str, starttls: bool, port: int | None, timeout: float
) -> ldap3.Connection:
    pinned = _Pinned(hostname, ca_pem)
    server = ldap3.Server(
        address,
        port or (389 if starttls else 636),
        use_ssl=not starttls,
        tls=pinned,
        get_info=ldap3.NONE,
        connect_timeout=CONNECT_SECONDS,
    )
    # As bytes: text would go through SASLprep, which turns "²" into "2". The directory compares what was typed.
    typed: Any = password.encode()  # the published stubs know text alone
    return ldap3.Connection(server, user=dn, password=typed, receive_timeout=timeout, auto_referrals=False)


def _open(directory: Directory, address: str, starttls: bool) -> None:
    connection: ldap3.Connection = directory._connection
    try:
        connection.open()
        if starttls:
            connection.start_tls()
        bound = connection.bind()
    except LDAPException as error:
        # The library leaves a socket open that it could not connect.
        if connection.socket is not None:
            connection.socket.close()
        raise DirectoryError(
            f"The directory on {directory.hostname} ({address}) cannot be reached over TLS: {_cause(error)}.",
            "See that its Directory Server runs, that a firewall lets the port through, and that its certificate is "
            "from the realm's authority.",
            retryable=True,
        ) from error
    if bound:
        return
    connection.unbind()
    result = connection.result
    if result["result"] in (INVALID_CREDENTIALS, NO_SUCH_OBJECT):
        raise WrongPassword(
            f"{directory.hostname} does not accept the password of {connection.user}.", "Enter the password again."
        )
    raise LdapRefused(
        f"{directory.hostname} refused to bind {connection.user}: {result['description']} ({result['result']})",
        int(result["result"]),
    )


def _cause(error: LDAPException) -> str:
    text = str(error)
    for word, cause in (
        ("Hostname mismatch", "its certificate is for another host"),
        ("certificate has expired", "its certificate, or that of its authority, has expired"),
        ("certificate is not yet valid", "its certificate is not valid yet"),
        ("issuer certificate", "its certificate is not from the realm's authority"),
        ("signed certificate", "its certificate is not from the realm's authority"),
    ):
        if word in text:
            return cause
    if verdict := VERDICT.search(text):
        return f"its certificate is refused: {verdict[1]}"
    return next((cause for word, cause in NO_CONNECTION if word in text), text)


def _entry(raw: Mapping[str, list[bytes]], attrs: Sequence[str]) -> Entry:
    """Attributes under the names that were asked for, whatever spelling the schema has; binary values escaped."""
    asked = {name.lower(): name for name in attrs}
    return {
        asked.get(name.lower(), name): [value.decode("utf-8", "backslashreplace") for value in values]
        for name, values in raw.items()
    }


__all__ = ["Change", "Directory", "Entry", "LdapRefused", "escape"]
