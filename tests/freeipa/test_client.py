"""What is called over FreeIPA's own interface, against a live server: nothing here is recorded."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest

from lab.freeipa import FreeIpaLab
from replicas.backends.freeipa import conncheck
from replicas.backends.freeipa.access import session
from replicas.clients.freeipa.errors import Duplicate, KdcLost, WrongKeytab
from replicas.clients.freeipa.session import Session
from replicas.clients.keytab import Keytab
from replicas.errors import StepError
from replicas.lifecycle.job import Job, Options, RealmFacts
from replicas.lifecycle.steps import ports
from replicas.lifecycle.steps.connection_check import ConnectionCheck
from tests.freeipa.asking import add_zones
from tests.replicas.steps.kept import KeptContext, endpoint

pytestmark = pytest.mark.freeipa
NAME = "ipareplica.example.com"
FILE = "/root/portal.keytab"


@pytest.fixture
def ca(realm: FreeIpaLab) -> str:
    return realm.master.read("/etc/ipa/ca.crt")


@pytest.fixture
async def context(realm: FreeIpaLab, ca: str) -> AsyncIterator[KeptContext]:
    async with AsyncExitStack() as stack:
        facts = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "freeipa", False, ca)
        master, replica = (endpoint(host) for host in realm.hosts[:2])
        yield KeptContext(Job("install", facts, master, replica, Options()), realm, stack)


@pytest.fixture
def unblocked(realm: FreeIpaLab) -> Iterator[FreeIpaLab]:
    yield realm
    for host in realm.hosts:
        host.unblock()


async def test_the_master_itself_reaches_what_is_listened_on(context: KeptContext) -> None:
    await ConnectionCheck(ports.of_conncheck, conncheck.CHECK).run(context)
    own = context.text.partition("The same by server_conncheck:")[2].splitlines()
    for line in ("Directory Service: Unsecure port (389)", "Kerberos KDC: UDP (88)", "HTTP Server: Secure port (443)"):
        assert f"   {line}: OK" in own
    assert [text for level, text in context.lines if level != "info"] == []


async def test_a_blocked_port_is_named_and_udp_is_a_warning(context: KeptContext, unblocked: FreeIpaLab) -> None:
    unblocked.hosts[1].block(636, "tcp")
    unblocked.hosts[1].block(464, "udp")
    with pytest.raises(StepError, match=r"636 \(TCP\)"):
        await ConnectionCheck(ports.of_conncheck, conncheck.CHECK).run(context)
    own = context.lines[context.lines.index(("info", "The same by server_conncheck:")) :]
    assert ("error", "   Directory Service: Secure port (636): FAILED") in own
    assert ("warning", "   Kerberos Kpasswd: UDP (464): WARNING") in own


async def test_without_oddjobd_there_is_no_such_check(context: KeptContext, realm: FreeIpaLab) -> None:
    realm.master.run(["systemctl", "mask", "--runtime", "--now", "oddjobd"])
    try:
        assert await conncheck.from_master(context) == ()
    finally:
        realm.master.run(["systemctl", "unmask", "--runtime", "oddjobd"])
        realm.master.run(["systemctl", "start", "oddjobd"])
    ((level, text),) = context.lines
    assert level == "warning"
    assert "whether oddjobd runs" in text


async def test_an_account_without_the_privilege_is_told_so(
    context: KeptContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session(context) as opened:
        await opened.call("user_add", "visitor", givenname="A", sn="Visitor", userpassword="for-the-first-time")
        # As an administrator gave it, it would have to be changed first.
        await opened.call("user_mod", "visitor", setattr="krbpasswordexpiration=20380101000000Z")
    monkeypatch.setattr("replicas.backends.freeipa.access.ADMIN", "visitor")
    monkeypatch.setattr(context, "secret", lambda name: "for-the-first-time")
    try:
        assert await conncheck.from_master(context) == ()
    finally:
        monkeypatch.undo()
        async with session(context) as opened:
            await opened.call("user_del", "visitor")
    ((level, text),) = context.lines
    assert level == "warning"
    assert "takes the privilege «Replication Administrators»" in text


async def keytab(realm: FreeIpaLab, context: KeptContext, name: str = "portal") -> Keytab:
    """Of a user with new keys."""
    master = await context.host("master")
    with contextlib.suppress(Duplicate):
        async with session(context) as opened:
            await opened.call("user_add", name, givenname="The", sn="Portal")
            await opened.members("role_add_member", "IT Security Specialist", user=[name])
    await master.remove(FILE)
    password = (realm.secrets.admin + "\n").encode()
    await master.run("kinit", "admin", input=password)
    await master.run("ipa-getkeytab", "-p", name, "-k", FILE)
    await master.run("kdestroy")
    return Keytab.read(await master.read(FILE), "EXAMPLE.COM")


def by_keytab(realm: FreeIpaLab, ca: str, keys: Keytab) -> AbstractAsyncContextManager[Session]:
    return Session.open(realm.master.name, str(realm.master.address), ca, "", "", keytab=keys)


async def test_a_keytab_signs_in_and_signs_in_again(context: KeptContext, realm: FreeIpaLab, ca: str) -> None:
    async with by_keytab(realm, ca, await keytab(realm, context)) as opened:
        assert (await opened.call("user_show", "portal")).value["uid"] == ["portal"]
        opened._http.cookies.clear()  # a session that ran out
        assert await opened.find("server_find")
        assert opened._logins == 2


async def test_steps_sign_in_with_the_keytab_of_the_realm(
    context: KeptContext, realm: FreeIpaLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = base64.b64encode((await keytab(realm, context)).content).decode()
    monkeypatch.setattr(context, "has", lambda name: name == "keytab")
    monkeypatch.setattr(context, "secret", {"keytab": stored}.__getitem__)
    async with session(context) as opened:
        assert opened.user == "portal@EXAMPLE.COM"
        assert realm.master.name in [one["cn"][0] for one in await opened.find("server_find")]


async def test_keys_that_were_replaced_are_a_wrong_keytab(context: KeptContext, realm: FreeIpaLab, ca: str) -> None:
    old = await keytab(realm, context)
    await keytab(realm, context)
    with pytest.raises(WrongKeytab, match="other ones by now"):
        async with by_keytab(realm, ca, old):
            pass


async def test_a_kdc_that_does_not_run_is_named(context: KeptContext, realm: FreeIpaLab, ca: str) -> None:
    keys = await keytab(realm, context)
    realm.master.run(["systemctl", "stop", "krb5-kdc"])
    try:
        with pytest.raises(KdcLost, match="no KDC of EXAMPLE.COM answers"):
            async with by_keytab(realm, ca, keys):
                pass
    finally:
        realm.master.run(["systemctl", "start", "krb5-kdc"])


async def test_the_contract_holds_for_a_live_server(
    context: KeptContext, realm: FreeIpaLab, ca: str, tmp_path: Path
) -> None:
    """The suite that otherwise replays recordings, in its live mode (docs/freeipa-realm.md)."""
    # In the network of the hosts: FreeIPA asks its resolver, which is the lab's, where that reverse zone begins.
    spare = str(realm.master.address + 67)
    await asyncio.to_thread(add_zones, realm)
    (tmp_path / "ca.crt").write_text(ca)
    given = {
        "PORTAL_TEST_IPA_SERVER": realm.master.name,
        "PORTAL_TEST_IPA_CA": str(tmp_path / "ca.crt"),
        "PORTAL_TEST_IPA_PASSWORD": realm.secrets.admin,
        "PORTAL_TEST_IPA_ADDRESS": str(realm.master.address),
        "PORTAL_TEST_IPA_SPARE": spare,
    }
    argv = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/replicas/clients/freeipa/test_contract.py"]
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, *argv], env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout
