"""How steps sign in; the answers are recorded ones of FreeIPA 4.9.11, the sign-in by keytab is written by hand."""

from __future__ import annotations

import base64

import pytest

from replicas.backends.freeipa.access import session
from replicas.clients.freeipa import negotiate
from replicas.clients.keytab import Keytab, KeytabError
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
