"""Tokens by keytab from a real KDC, that of a host; what Kerberos may say, as the program reads it."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab
from replicas.clients.freeipa import errors, negotiate
from replicas.clients.keytab import Keytab
from replicas.errors import WrongPassword
from replicas.hostside.negotiate import explain

FACTS = {
    "principal": "portal@EXAMPLE.COM",
    "realm": "EXAMPLE.COM",
    "server": "ipaserver.example.com",
    "kdcs": "10.0.0.1",
}
FILE, ACCOUNT = "/root/portal.keytab", "portal"
SILENT = "192.0.2.1"
"""An address that answers nothing (RFC 5737)."""


def kadmin(lab: Lab, query: str) -> None:
    lab.master.run(["kadmin.local", "-q", query])


def keytab(lab: Lab) -> Keytab:
    """With new keys, each time."""
    lab.master.run(["rm", "-f", FILE])
    kadmin(lab, f"ktadd -k {FILE} {ACCOUNT}")
    content = lab.master.run(["base64", FILE]).stdout
    return Keytab.read(base64.b64decode(content), "EXAMPLE.COM")


@pytest.fixture
def account(lab: Lab) -> Iterator[Keytab]:
    kadmin(lab, f"addprinc -randkey {ACCOUNT}")
    yield keytab(lab)
    kadmin(lab, f"delprinc -force {ACCOUNT}")


@pytest.mark.hosts
async def test_a_token_for_the_web_server(lab: Lab, account: Keytab) -> None:
    token = await negotiate.token(account, lab.master.name, str(lab.master.address))
    assert base64.b64decode(token).startswith(b"\x60")  # GSS-API's initial token
    again = await negotiate.token(account, lab.master.name, str(lab.master.address))
    assert again != token


@pytest.mark.hosts
async def test_keys_that_were_replaced_or_whose_account_is_gone(lab: Lab, account: Keytab) -> None:
    keytab(lab)
    with pytest.raises(errors.WrongKeytab, match="other ones by now") as caught:
        await negotiate.token(account, lab.master.name, str(lab.master.address))
    assert isinstance(caught.value, WrongPassword)
    assert "ipa-getkeytab" in caught.value.remedy
    kadmin(lab, f"delprinc -force {ACCOUNT}")
    try:
        with pytest.raises(errors.WrongKeytab, match="is not in the realm"):
            await negotiate.token(account, lab.master.name, str(lab.master.address))
    finally:
        kadmin(lab, f"addprinc -randkey {ACCOUNT}")


@pytest.mark.hosts
async def test_a_kdc_that_does_not_answer(unblocked: Lab, account: Keytab) -> None:
    with pytest.raises(errors.KdcLost, match="no KDC of EXAMPLE.COM answers at") as caught:
        await negotiate.token(account, "ipaserver.example.com", "127.0.0.1")
    assert caught.value.retryable
    unblocked.master.block(88, "tcp")
    with pytest.raises(errors.KdcLost, match="in time"):
        await negotiate.token(account, "ipaserver.example.com", str(unblocked.master.address), seconds=1)


@pytest.mark.hosts
async def test_nothing_of_the_keytab_is_in_arguments_or_environment(
    unblocked: Lab, account: Keytab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", "FILE:/somebody-elses")
    unblocked.master.block(88, "tcp")  # so that it waits long enough to be looked at
    kdc = str(unblocked.master.address)
    asking = asyncio.create_task(negotiate.token(account, "ipaserver.example.com", kdc, seconds=15))
    seen = ""
    while not asking.done() and "negotiate" not in seen:
        await asyncio.sleep(0.05)
        seen = "".join(_told(int(name)) for name in os.listdir("/proc") if name.isdigit())
    assert "negotiate" in seen, asking
    assert "somebody-elses" not in seen
    assert base64.b64encode(account.content[20:60]).decode()[:20] not in seen
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def _told(pid: int) -> str:
    """Arguments and environment of a child of ours."""
    try:
        if f"\nPPid:\t{os.getpid()}\n" not in Path(f"/proc/{pid}/status").read_text():
            return ""
        return "".join(
            Path(f"/proc/{pid}/{file}").read_bytes().decode("utf-8", "replace") for file in ("cmdline", "environ")
        )
    except OSError:
        return ""


@pytest.mark.parametrize(
    ("said", "kind", "why"),
    [
        (
            "Major (851968): x, Minor (2529638943): Clock skew too great",
            "ClockSkew",
            "differ by more than five minutes",
        ),
        ("Minor: Cannot contact any KDC for realm 'EXAMPLE.COM'", "KdcLost", "answers at 10.0.0.1"),
        ("Minor: Preauthentication failed", "WrongKeytab", "other ones by now"),
        ("Minor: Client's credentials have been revoked", "", "is locked"),
        ("Major: first\nMinor: something new", "", "something new"),
    ],
)
def test_what_kerberos_says_has_a_remedy(said: str, kind: str, why: str) -> None:
    answer = explain(said, FACTS)
    assert answer.get("kind", "") == kind
    assert why in answer["error"]
    assert answer["remedy"]


async def test_a_machine_without_the_library_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negotiate, "PYTHON", sys.executable)  # the portal's own has none
    with pytest.raises(errors.LoginRefused, match="no Kerberos for Python") as caught:
        await negotiate.token(Keytab(b"\x05\x02", "portal@EXAMPLE.COM", "EXAMPLE.COM"), "a.example.com", SILENT)
    assert "apt-get install python3-gssapi" in caught.value.remedy
