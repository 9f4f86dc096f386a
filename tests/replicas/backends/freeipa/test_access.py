"""How steps sign in; the answers are recorded ones of FreeIPA 4.9.11, the sign-in by keytab is written by hand."""

from __future__ import annotations

import asyncio
import base64

import pytest

from replicas.backends.freeipa import access
from replicas.backends.freeipa.access import address_of, session
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.clients.freeipa import negotiate
from replicas.clients.keytab import Keytab, KeytabError
from replicas.errors import StepError, WrongPassword
from tests.replicas.backends.freeipa.conftest import Make
from tests.replicas.clients.freeipa.conftest import Server
from tests.replicas.keytabs import entry, keytab


def by_ticket(server: Server) -> None:
    server.expect("login_ok")
    assert server.replay
    login = server.replay.armed[-1]
    kept = {name: value for name, value in login["request"]["headers"].items() if name != "Content-Type"}
    request = login["request"] | {"path": "/ipa/session/login_kerberos", "headers": kept, "body": ""}
    server.replay.armed[-1] = login | {"request": request}


async def test_a_realm_with_a_keytab_is_signed_in_to_by_it(
    context: Make, recorded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[str, str, str]]()

    async def token(keys: Keytab, server: str, kdc: str) -> str:
        asked.append((keys.principal, server, kdc))
        return "TOKEN"

    monkeypatch.setattr(negotiate, "token", token)
    by_ticket(recorded)
    recorded.expect("ping")
    made = context()
    made.keytab = base64.b64encode(keytab(entry("portal"))).decode()
    made.password = ""  # nobody asks for it
    async with session(made) as opened:
        await opened.call("ping")
    assert asked == [("portal@EXAMPLE.COM", "ipaserver.example.com", "127.0.0.1")]


async def test_a_keytab_of_another_realm_is_refused_before_anything_is_sent(context: Make, recorded: Server) -> None:
    made = context()
    made.keytab = base64.b64encode(keytab(entry("portal", realm="OTHER.COM"))).decode()
    with pytest.raises(KeytabError, match="no key of the realm EXAMPLE.COM"):
        async with session(made):
            pass


class Resolver:
    """The master, which finds these."""

    name = "ipaserver.example.com"

    def __init__(self, *addresses: str) -> None:
        self.text = "".join(f"{one} {kind}\n" for one in addresses for kind in ("STREAM", "DGRAM", "RAW"))

    async def run(self, *argv: str, check: bool) -> Resolver:
        return self


async def test_another_server_is_reached_at_the_first_address_where_it_answers(
    context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = context()

    async def asked(*addresses: str) -> str:
        async def host(role: str) -> Resolver:
            return Resolver(*addresses)

        monkeypatch.setattr(made, "host", host)
        return await address_of(made, "other.example.com")

    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1") as server:
        monkeypatch.setattr(access, "LDAPS", server.sockets[0].getsockname()[1])
        assert await asked("::1", "127.0.0.2", "127.0.0.1") == "127.0.0.1"
        assert await asked("::1", "127.0.0.2") == "::1"
        assert await asked("192.0.2.1") == "192.0.2.1"
    with pytest.raises(StepError, match=r"ipaserver\.example\.com cannot resolve other\.example\.com"):
        await asked()


async def test_a_typed_password_of_admin_is_proved_by_a_single_sign_in(context: Make, recorded: Server) -> None:
    recorded.expect("login_ok")
    await FreeIpaBackend().prove(context(), "admin")
    recorded.expect("login_wrong_password")
    made = context()
    made.password = "wrong"
    with pytest.raises(WrongPassword, match="does not know admin with this password"):
        await FreeIpaBackend().prove(made, "admin")
