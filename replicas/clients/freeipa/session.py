"""A session with one FreeIPA server: signed in with a password or a keytab, renewed once a call when it ran out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import httpx

from replicas.clients.freeipa import answers, errors, negotiate, rejection
from replicas.clients.freeipa.answers import Answer
from replicas.clients.keytab import Keytab
from replicas.hostside import tls

API = "2.251"
"""The interface of 4.9, the oldest release served; newer servers answer it in its own terms."""
NOTHING_TO_CHANGE = 4202
CONNECT_SECONDS = 10
# Adding a host resolves names, and a busy directory waits for its disk.
ANSWER_SECONDS = 60
SECRET_OPTIONS = {"password", "userpassword"}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Signing:
    """Who signs in, and with what: a keytab, where there is one, goes before the password."""

    def __init__(self, user: str, password: str, keytab: Keytab | None) -> None:
        self.user, self.password, self.keytab = keytab.principal if keytab else user, password, keytab


class Session:
    """Calls to one server; as many at a time as callers like."""

    def __init__(self, server: str, address: str, port: int, signing: Signing, http: httpx.AsyncClient) -> None:
        self.server, self.user = server, signing.user
        self._address, self._signing, self._http = address, signing, http
        host = f"[{address}]" if ":" in address else address
        self._url = f"https://{host}:{port}/ipa/session"
        self._signing_in = asyncio.Lock()
        self._logins = 0
        self.guard: Callable[[], None] = lambda: None
        """Asked before anything is sent, and raises when nothing may be: a lease that ran out, for one."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        server: str,
        address: str,
        ca_pem: str,
        user: str,
        password: str,
        *,
        keytab: Keytab | None = None,
        port: int = 443,
        timeout: float = ANSWER_SECONDS,
    ) -> AsyncIterator[Self]:
        """Connect to `address`, insist on a certificate of `ca_pem` for `server` (its own full name), and sign in.

        With a keytab it is the keytab's principal that signs in, by a ticket from the KDC at `address`.

        Raises WrongPassword (UnknownAccount, and WrongKeytab with a keytab, are such), LoginRefused, Untrusted,
        WrongReferer, ServerLost (KdcLost is one), and ClockSkew.
        """
        async with httpx.AsyncClient(
            verify=tls.trusting(ca_pem),
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            # Some answers are told apart by their words, which servers translate for whoever asks for a language.
            headers={"Host": server, "Referer": f"https://{server}/ipa", "Accept-Language": "en"},
            trust_env=False,  # a proxy of the portal's machine has no business between it and an identity server
        ) as http:
            session = cls(server, address, port, Signing(user, password, keytab), http)
            await session._login(0)
            yield session

    async def call(self, command: str, *args: Any, **options: Any) -> Answer:
        """Run a command of FreeIPA's API. «Nothing to change» (4202) is an answer, with `changed` False.

        Raises the error for the server's code (see BY_CODE), ServerLost, and what `open` raises when the session ran
        out and no new one is given. A call that ServerLost ended may have taken effect.
        """
        body = {"method": command, "params": [list(args), {**options, "version": API}], "id": 0}
        logins = self._logins
        response = await self._rpc(body)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await self._login(logins)
            response = await self._rpc(body)
        secrets = [str(value) for name, value in options.items() if name in SECRET_OPTIONS]
        return self._read(command, response, [self._signing.password, *secrets])

    async def find(self, command: str, *args: Any, **options: Any) -> list[dict[str, Any]]:
        """All entries that a `*_find` command knows. Raises as `call`, and Truncated when it tells not even then all.

        The realm's limits (100 entries, 2 s, unless they were changed) are for people; who asks for all gets all.
        """
        answer = await self.call(command, *args, **options)
        if answer.truncated:
            answer = await self.call(command, *args, sizelimit=0, timelimit=0, **options)
        if answer.truncated:
            raise errors.Truncated(f"{self.server} has more for {command} than it tells at once.")
        return list(answer.value or [])

    async def members(self, command: str, group: str, **names: list[str]) -> bool:
        """Add to a group or remove from it; False when all of them were, or were not, members before.

        These commands succeed whatever they did, and tell the rest in `failed`. Raises as `call`, and MembersRefused.
        """
        answer = await self.call(command, group, **names)
        settled = answers.NOT_THERE if "_remove_" in command else answers.THERE_ALREADY
        if refused := [failure for failure in answer.failures if failure.reason != settled]:
            which = ", ".join(f"{failure.name} ({failure.reason})" for failure in refused)
            raise errors.MembersRefused(f"{self.server} refused {command} of {group} for {which}.")
        return bool(answer.completed)

    async def _login(self, seen: int) -> None:
        """Sign in, unless somebody has since `seen` sign-ins."""
        async with self._signing_in:
            if self._logins != seen:
                return
            self._http.cookies.clear()
            response = await self._sign_in()
            if response.status_code != httpx.codes.OK:
                raise rejection.of_sign_in(self.server, self.user, response, by_ticket=bool(self._signing.keytab))
            self._logins += 1

    async def _sign_in(self) -> httpx.Response:
        signing = self._signing
        if signing.keytab is None:
            form = {"user": signing.user, "password": signing.password}
            return await self._post("login_password", "text/plain", data=form)
        self.guard()
        token = await negotiate.token(signing.keytab, self.server, self._address)
        return await self._post("login_kerberos", "text/plain", headers={"Authorization": f"Negotiate {token}"})

    async def _rpc(self, body: dict[str, Any]) -> httpx.Response:
        return await self._post("json", "application/json", json=body)

    async def _post(
        self, path: str, accept: str, headers: Mapping[str, str] = NO_HEADERS, **content: Any
    ) -> httpx.Response:
        """Raises Untrusted and ServerLost, outside the handler: httpx's errors carry the request, password and all."""
        self.guard()
        failure: errors.FreeIpaError
        try:
            return await self._http.post(
                f"{self._url}/{path}",
                headers={"Accept": accept, **headers},
                extensions={"sni_hostname": self.server},
                **content,
            )
        except httpx.TimeoutException:
            failure = errors.ServerLost(f"{self.server} gave no answer in time.")
        except httpx.HTTPError as error:
            found = _verification(error)
            failure = errors.untrusted(self.server, found) if found else errors.ServerLost(f"{self.server}: {error}.")
        raise failure

    def _read(self, command: str, response: httpx.Response, secrets: list[str]) -> Answer:
        try:
            body = json.loads(response.content, object_hook=answers.plain) if response.is_success else None
        except ValueError:
            body = None
        match body:
            case {"error": {"code": int(code), "message": message}}:
                if code == NOTHING_TO_CHANGE:
                    return answers.UNCHANGED
                raise errors.refusal(self.server, command, code, _without(secrets, str(message)))
            case {"result": dict(result)}:
                return answers.read(result)
        raise rejection.odd(self.server, command, response)


def _verification(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What is wrong with the server's certificate, if that is behind an error of httpx."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _without(secrets: list[str], message: str) -> str:
    for secret in secrets:
        message = message.replace(secret, "••••") if secret else message
    return message
