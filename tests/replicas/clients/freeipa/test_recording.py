"""Every recorded call, sent and read as it was recorded: shows that the portal understands FreeIPA, and no more."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from replicas.clients.freeipa import answers, errors, session
from replicas.clients.freeipa.answers import Failure
from replicas.errors import PortalError, WrongPassword
from tests.replicas.clients.freeipa.conftest import Server
from tests.replicas.clients.freeipa.replay import EXCHANGES, Replay, serving
from tests.replicas.typed import TYPED
from tests.replicas.uploads import issuing

LOGIN = "login_ok"
CALLS = [
    name
    for name, exchange in EXCHANGES.items()
    if exchange["request"]["path"].endswith("/json") and name not in {"rpc_no_session", "rpc_wrong_referer"}
]


@pytest.mark.parametrize("name", CALLS)
async def test_portal_sends_and_reads_a_recorded_call_as_recorded(recorded: Server, name: str) -> None:
    request, said = EXCHANGES[name]["request"]["body"], EXCHANGES[name]["response"]["body"]
    [args, options] = request["params"]
    options = {key: value for key, value in options.items() if key != "version"}
    recorded.expect(LOGIN, name)
    async with recorded.session() as one:
        if said["error"] and said["error"]["code"] != session.NOTHING_TO_CHANGE:
            with pytest.raises(errors.FreeIpaError) as caught:
                await one.call(request["method"], *args, **options)
            assert caught.value.code == said["error"]["code"]
            assert type(caught.value) is errors.BY_CODE.get(caught.value.code, errors.FreeIpaError)
            assert said["error"]["message"] in str(caught.value)
            return
        answer = await one.call(request["method"], *args, **options)
    assert answer.changed is not bool(said["error"])
    expected = json.loads(json.dumps(said["result"]), object_hook=answers.plain)
    assert answer.value == (expected or {}).get("result")


async def test_recorded_server_refuses_what_is_not_in_the_recording(recorded: Server) -> None:
    assert recorded.replay
    recorded.expect(LOGIN, "ping")
    async with recorded.session() as one:
        with pytest.raises(errors.ServerLost, match="HTTP status 501, and not as FreeIPA does"):
            await one.call("ping", all=True)
        with pytest.raises(AssertionError, match="but came .*'all': True"):
            recorded.replay.prove()
        recorded.replay.strays.clear()
        await one.call("ping")


async def test_recorded_end_of_a_session_brings_one_new_sign_in(recorded: Server) -> None:
    recorded.expect(LOGIN, "ping<-rpc_no_session", LOGIN, "ping")
    async with recorded.session() as one:
        await one.call("ping")


async def test_recorded_refusal_after_a_new_sign_in_is_the_end(recorded: Server) -> None:
    recorded.expect(LOGIN, "ping<-rpc_no_session", LOGIN, "ping<-rpc_no_session")
    async with recorded.session() as one:
        with pytest.raises(errors.FreeIpaError, match="answered ping with HTTP status 401"):
            await one.call("ping")


async def test_calls_that_find_the_session_ended_together_sign_in_once(recorded: Server) -> None:
    recorded.expect(LOGIN, "ping<-rpc_no_session", "ping<-rpc_no_session", LOGIN, "ping", "ping")
    async with recorded.session() as one:
        both = asyncio.Barrier(2)
        post = one._rpc

        async def together(body: dict[str, Any]) -> Any:
            response = await post(body)
            await both.wait()
            return response

        one._rpc = together  # type: ignore[method-assign]
        await asyncio.gather(one.call("ping"), one.call("ping"))


async def test_recorded_referer_refusal_has_its_remedy(recorded: Server) -> None:
    recorded.expect(LOGIN, "ping<-rpc_wrong_referer")
    async with recorded.session() as one:
        with pytest.raises(errors.WrongReferer, match="not an alias or an address"):
            await one.call("ping")


async def test_recorded_member_failures_are_told_although_the_call_succeeds(recorded: Server) -> None:
    recorded.expect(LOGIN, "hostgroup_add_member_missing", "hostgroup_add_member_missing")
    host = ["nowhere.example.com"]
    async with recorded.session() as one:
        answer = await one.call("hostgroup_add_member", "ipaservers", host=host)
        assert (answer.completed, answer.failures) == (0, (Failure(host[0], "no such entry"),))
        with pytest.raises(errors.MembersRefused, match="nowhere.example.com .no such entry."):
            await one.members("hostgroup_add_member", "ipaservers", host=host)


async def test_recorded_refusal_of_an_unknown_account_names_it(recorded: Server) -> None:
    recorded.expect("login_unknown_user")
    with pytest.raises(errors.UnknownAccount, match="no account nobodyhere. Correct the account's name") as caught:
        async with replace(recorded, user="nobodyhere").session("wrong"):
            pass
    assert isinstance(caught.value, WrongPassword)
    assert not caught.value.retryable


@pytest.mark.parametrize("password", TYPED)
async def test_the_password_of_a_sign_in_is_the_one_that_was_typed(recorded: Server, password: str) -> None:
    if not recorded.replay:
        pytest.skip("a live server knows one password")
    recorded.expect(LOGIN)
    expected = recorded.replay.armed[-1]["request"] | {"body": urlencode({"user": "admin", "password": password})}
    recorded.replay.armed[-1]["request"] = expected
    async with recorded.session(password):
        pass


async def test_recorded_server_takes_a_sign_in_without_a_referer(recorded: Server) -> None:
    """The portal always sends one. Releases that insist on it answer status 400, which is not recorded."""
    recorded.expect(LOGIN, "login_no_referer")
    async with recorded.session() as one:
        del one._http.headers["Referer"]
        await one._login(1)


def page(title: str, heading: str, message: str) -> str:
    """In the form of the recorded refusals of sign-ins."""
    return (
        f"<html>\n<head>\n<title>{title}</title>\n</head>\n<body>\n<h1>{heading}</h1>\n<p>\n"
        f"<strong>{message}</strong>\n</p>\n</body>\n</html>"
    )


def test_pages_are_in_the_form_of_the_recorded_one() -> None:
    said = "kinit: Password incorrect while getting initial credentials\n"
    recorded = EXCHANGES["login_wrong_password"]["response"]["body"]
    assert page("401 Unauthorized", "Invalid Authentication", said) == recorded


async def refused_sign_in(recorded: Server, status: int, reason: str, body: str) -> PortalError:
    """What comes of an answer that is written by hand."""
    assert recorded.replay
    recorded.expect(LOGIN)
    headers = {"X-IPA-Rejection-Reason": reason} if reason else {}
    recorded.replay.armed[0]["response"] = {"status": status, "headers": headers, "body": body}
    with pytest.raises(PortalError) as caught:
        async with recorded.session():
            pass
    return caught.value


@pytest.mark.parametrize(
    ("said", "error", "words", "retryable"),
    [
        ("Preauthentication failed", WrongPassword, "does not know admin with this password", False),
        ("Something that nobody has seen", WrongPassword, "does not know admin with this password", False),
        ("Cannot contact any KDC for realm 'EXAMPLE.COM'", errors.KdcLost, "cannot reach a KDC.*krb5kdc runs", True),
        (
            "Server krbtgt/EXAMPLE.COM@EXAMPLE.COM not found in Kerberos database",
            WrongPassword,
            "with this pass",
            False,
        ),
        ("Clock skew too great", errors.ClockSkew, "clocks of .* differ too much.*chronyc makestep", False),
        (
            "Client 'Clock skew too great@EXAMPLE.COM' not found in Kerberos database",
            errors.UnknownAccount,
            "knows no account admin",
            False,
        ),
    ],
)
async def test_unrecorded_words_of_kinit_behind_an_invalid_password_are_told_apart(
    recorded: Server, said: str, error: type[PortalError], words: str, retryable: bool
) -> None:
    """Words of MIT Kerberos, on a page in the form of the recorded one."""
    message = f"kinit: {said} while getting initial credentials Secret123\n"
    body = page("401 Unauthorized", "Invalid Authentication", message)
    raised = await refused_sign_in(recorded, 401, "invalid-password", body)
    assert type(raised) is error
    assert re.search(words, str(raised))
    assert raised.retryable is retryable
    assert "Secret123" not in str(raised)
    assert "kinit" not in str(raised)


@pytest.mark.parametrize(
    ("message", "error", "words"),
    [
        ("denied", errors.WrongReferer, "own full name"),
        ("Missing or invalid HTTP Referer, https://other.example.com/ipa", errors.WrongReferer, "own full name"),
        ("no password specified", errors.FreeIpaError, "did not understand the sign-in: HTTP status 400.*error_log"),
        ("Access is denied", errors.FreeIpaError, "did not understand the sign-in: HTTP status 400.*error_log"),
    ],
)
async def test_unrecorded_status_400_is_the_referer_only_where_its_page_says_so(
    recorded: Server, message: str, error: type[PortalError], words: str
) -> None:
    """«denied» alone is what releases that insist on a Referer say of it."""
    raised = await refused_sign_in(recorded, 400, "", page("400 Bad Request", "Bad Request", message))
    assert type(raised) is error
    assert re.search(words, str(raised))
    assert message not in str(raised)


async def test_unrecorded_status_400_to_a_call_is_told_apart_too(recorded: Server) -> None:
    assert recorded.replay
    recorded.expect(LOGIN, "ping", "ping")
    for call, message in zip(recorded.replay.armed[1:], ("denied", "else"), strict=True):
        body = page("400 Bad Request", "Bad Request", message)
        call["response"] = {"status": 400, "headers": {}, "body": body}
    async with recorded.session() as one:
        with pytest.raises(errors.WrongReferer):
            await one.call("ping")
        with pytest.raises(errors.FreeIpaError, match="did not understand ping: HTTP status 400"):
            await one.call("ping")


@pytest.mark.parametrize(
    ("status", "reason", "error", "words"),
    [
        (401, "password-expired", errors.LoginRefused, "password has expired.* Change it"),
        (401, "krbprincipal-expired", errors.LoginRefused, "account has expired"),
        (401, "user-locked", errors.LoginRefused, "is locked.*user-unlock"),
        (401, "denied", errors.LoginRefused, "may not sign in"),
        (401, "", errors.LoginRefused, "Reason given: none"),
        (503, "", errors.ServerLost, "HTTP status 503"),
        (302, "", errors.FreeIpaError, "HTTP status 302"),
    ],
)
async def test_unrecorded_refusals_of_sign_ins_say_what_to_do(
    recorded: Server, status: int, reason: str, error: type[PortalError], words: str
) -> None:
    raised = await refused_sign_in(recorded, status, reason, "<html>Secret123</html>")
    assert type(raised) is error
    assert re.search(words, str(raised))
    assert "Secret123" not in str(raised)


async def test_another_authority_or_name_gets_no_password(recorded: Server, foreign_ca: str) -> None:
    for odd, remedy in (
        ({"ca": foreign_ca}, "Compare the CA certificate with /etc/ipa/ca.crt on the server."),
        ({"name": "alias.example.com"}, "Give the server's own full name, not an alias or an address."),
    ):
        with pytest.raises(errors.Untrusted, match="is refused: .*[^.]\\. ") as caught:
            async with recorded.session(**odd):
                pass
        assert caught.value.remedy == remedy
        assert caught.value.__context__ is None
        assert not caught.value.retryable


@pytest.mark.parametrize(
    ("begins", "ends", "words", "remedy"),
    [
        (-2, -1, "certificate has expired", "clock is right, then renew .*getcert list"),
        (1, 2, "not yet valid", "Set the clock that is wrong"),
    ],
)
async def test_certificate_that_is_not_valid_now_gets_no_password(
    tmp_path: Path, begins: int, ends: int, words: str, remedy: str
) -> None:
    name, ca, of = "ipaserver.example.com", issuing.key(0), issuing.key(1)
    begin, end = issuing.NOW + begins * issuing.DAY, issuing.NOW + ends * issuing.DAY
    certificate = issuing.issue(name, "Root", ca, of, issuing.names(name), begin=begin, end=end)
    (tmp_path / "server.crt").write_bytes(issuing.pem(certificate))
    (tmp_path / "server.key").write_bytes(issuing.pkcs8(of))
    replay = Replay()
    with serving(replay, tmp_path) as port, pytest.raises(errors.Untrusted, match=words) as caught:
        async with session.Session.open(name, "127.0.0.1", issuing.pem(issuing.ROOT).decode(), "admin", "x", port=port):
            pass
    replay.prove()
    assert re.search(remedy, caught.value.remedy)
    assert "CA certificate" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_silence_is_worth_another_try_and_carries_no_request(recorded_ca: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        where = {"port": deaf.getsockname()[1], "timeout": 0.2}
        with pytest.raises(errors.ServerLost, match="gave no answer in time") as caught:
            async with session.Session.open("ipaserver.example.com", "127.0.0.1", recorded_ca, "admin", "x", **where):
                pass
    assert caught.value.retryable
    assert caught.value.__context__ is None
    with pytest.raises(errors.ServerLost, match="port 443 is open"):
        async with session.Session.open("ipaserver.example.com", "127.0.0.1", recorded_ca, "admin", "x", **where):
            pass


async def test_no_secret_reaches_log_lines_or_errors(recorded: Server, caplog: pytest.LogCaptureFixture) -> None:
    assert recorded.replay
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")
    recorded.expect(LOGIN, "host_add_random", "host_add_duplicate")
    said = EXCHANGES["host_add_duplicate"]["response"]
    told = said["body"] | {"error": said["body"]["error"] | {"message": "refused for Secret123"}}
    recorded.replay.armed[-1]["response"] = said | {"body": told}
    async with recorded.session() as one:
        answer = await one.call("host_add", "replica2.example.com", random=True, force=True)
        with pytest.raises(errors.Duplicate, match="refused for ••••") as caught:
            await one.call("host_add", "replica2.example.com", random=True, force=True)
    shown = f"{caplog.text} {answer!r} {caught.value!r} {one!r}"
    assert "HTTP Request" in shown
    for secret in ("Secret123", "MagBearerToken", answer.value["randompassword"]):
        assert secret not in shown


@pytest.mark.parametrize("short", [False, True])
async def test_search_that_is_cut_short_asks_for_all_and_is_an_error_if_that_is_cut_short(
    recorded: Server, short: bool
) -> None:
    assert recorded.replay
    recorded.expect(LOGIN, "dnszone_find", "dnszone_find")
    first, second = recorded.replay.armed[-2:]
    response = EXCHANGES["dnszone_find"]["response"]
    result = response["body"]["result"] | {"truncated": True}
    cut = response | {"body": response["body"] | {"result": result}}
    args, options = first["request"]["body"]["params"]
    body = first["request"]["body"] | {"params": [args, options | {"sizelimit": 0, "timelimit": 0}]}
    recorded.replay.armed[-2] = first | {"response": cut}
    recorded.replay.armed[-1] = second | {"request": second["request"] | {"body": body}}
    if short:
        recorded.replay.armed[-1]["response"] = cut
    async with recorded.session() as one:
        if short:
            with pytest.raises(errors.Truncated, match="Raise the limit"):
                await one.find("dnszone_find")
        else:
            assert len(await one.find("dnszone_find")) == len(response["body"]["result"]["result"])


async def test_every_request_asks_for_english(recorded: Server) -> None:
    assert recorded.replay
    recorded.expect(LOGIN, "ping")
    async with recorded.session() as one:
        await one.call("ping")
    assert recorded.replay.languages == ["en", "en"]


async def test_guard_is_asked_before_anything_is_sent(recorded: Server) -> None:
    recorded.expect(LOGIN)
    async with recorded.session() as one:

        def refuse() -> None:
            raise PortalError("The lease ran out.")

        one.guard = refuse
        with pytest.raises(PortalError, match="lease"):
            await one.call("ping")


def test_wrapped_values_are_unwrapped() -> None:
    wrapped = (
        '[{"__dns_name__": "a."}, {"__base64__": "AQI="}, {"__datetime__": "20261123"}, {"__dns_name__": 1, "b": 2}]'
    )
    assert json.loads(wrapped, object_hook=answers.plain) == [
        "a.",
        b"\x01\x02",
        "20261123",
        {"__dns_name__": 1, "b": 2},
    ]
