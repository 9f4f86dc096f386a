"""Both directions between real hosts, with ports blocked in between."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from lab import Lab
from replicas.clients import ssh
from replicas.errors import StepError, WrongPassword
from replicas.lifecycle.base import Context
from replicas.lifecycle.steps.connection_check import ConnectionCheck, Failed, RealmCheck
from replicas.lifecycle.steps.ports import CONNCHECK
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts
Make = Callable[..., KeptContext]


async def test_all_open(context: Make, replica: ssh.Host) -> None:
    ctx, step = context(setup_dns=True), ConnectionCheck()
    assert not await step.done(ctx)
    start = time.monotonic()
    await step.run(ctx)
    assert time.monotonic() - start < 5
    assert await step.done(ctx)
    lines = ctx.text.splitlines()
    assert lines[0] == "Check connection from replica to remote master 'ipaserver.example.com':"
    assert re.fullmatch(r"   Directory Service: Unsecure port \(389\): OK \(\S+, [\d.]+ ms; \S+, [\d.]+ ms\)", lines[1])
    for expected in (
        "   Kerberos KDC: UDP (88): OK",
        "   Kerberos Kpasswd: UDP (464): OK",
        "   HTTP Server: Secure port (443): OK",
        "   DNS Server: UDP (53): OK",
        "   Time Service: UDP (123): OK",
    ):
        assert sum(line.startswith(f"{expected} (") for line in lines) == 2, expected
    ordered = [
        "Connection from replica to master is OK.",
        "Get credentials to log in to remote master",
        "Start listening on required ports for remote master check",
        "Execute check on remote master",
        "Check connection from master to remote replica 'ipareplica.example.com':",
        "Connection from master to replica is OK.",
        "Connection check OK",
    ]
    assert [line for line in lines if line in ordered] == ordered
    assert abs(float(str(ctx.facts["clock_offset"]))) < 1
    assert ctx.steps[-1] == (24, 24, "ports")
    assert ":389" not in (await replica.run("ss", "-lntu")).text


@pytest.mark.parametrize(
    ("host", "port", "protocol", "label", "message"),
    [
        (0, 389, "tcp", "Directory Service: Unsecure port (389)", "389 (TCP) from replica to master ipaserver"),
        (0, 464, "udp", "Kerberos Kpasswd: UDP (464)", "464 (UDP) from replica to master ipaserver"),
        (1, 636, "tcp", "Directory Service: Secure port (636)", "636 (TCP) from master to replica ipareplica"),
        (1, 88, "udp", "Kerberos KDC: UDP (88)", "88 (UDP) from master to replica ipareplica"),
    ],
)
async def test_blocked_port(
    unblocked: Lab, context: Make, replica: ssh.Host, host: int, port: int, protocol: str, label: str, message: str
) -> None:
    unblocked.hosts[host].block(port, protocol)  # type: ignore[arg-type]
    ctx, step = context(), ConnectionCheck()
    with pytest.raises(StepError) as caught:
        await step.run(ctx)
    assert f"Port check failed! Inaccessible port(s): {message}.example.com." in caught.value.message
    assert f"On {unblocked.hosts[host].name}, let {port}/{protocol} in" in caught.value.remedy
    failed = [text for level, text in ctx.lines if level == "error" and "FAILED (" in text]
    assert len(failed) == 1
    assert failed[0].startswith(f"   {label}: FAILED (")
    assert "no answer within 2 s" in failed[0]
    assert not await step.done(ctx)
    assert ":749" not in (await replica.run("ss", "-lntu")).text
    unblocked.hosts[host].unblock()
    await step.run(ctx)
    assert await step.done(ctx)


async def test_what_the_realm_checks_itself_counts_while_the_ports_are_listened_on(
    context: Make, replica: ssh.Host
) -> None:
    ctx, open_then = context(), list[bool]()

    async def run(given: Context) -> Failed:
        open_then.append(":749" in (await replica.run("ss", "-lnt")).text)
        given.log("   Kerberos KDC: TCP (88): FAILED", "error")
        return ((CONNCHECK[2], "it said so"),)

    step = ConnectionCheck(also=RealmCheck("realm_check", run))
    assert "ipaserver.example.com: realm_check" in map(str, step.touches(ctx.job))
    with pytest.raises(StepError, match=r"Inaccessible port\(s\): 88 \(TCP\) from master to replica") as caught:
        await step.run(ctx)
    assert "look at 88 (TCP): it said so." in caught.value.remedy
    assert open_then == [True]
    lines = ctx.text.splitlines()
    assert lines.index("The same by realm_check:") < lines.index("Connection from master to replica FAILED.")


async def test_stopped_service_and_wrong_password(lab: Lab, context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = context()
    lab.master.run(["systemctl", "stop", "apache2"])
    try:
        with pytest.raises(StepError, match=r"80 \(TCP\), 443 \(TCP\) from replica") as caught:
            await ConnectionCheck().run(ctx)
        assert "On ipaserver.example.com, start what serves 80 (TCP), 443 (TCP)." in caught.value.remedy
    finally:
        lab.master.run(["systemctl", "start", "apache2"])
    monkeypatch.setattr(ctx, "secret", lambda _: "wrong")
    with pytest.raises(WrongPassword, match="the password of admin is wrong"):
        await ConnectionCheck().run(ctx)


async def test_foreign_authority(context: Make, foreign_ca: str) -> None:
    with pytest.raises(StepError, match=r"389 \(TCP\), 636 \(TCP\), 443 \(TCP\)") as caught:
        await ConnectionCheck().run(context({"ca_certificate": foreign_ca}))
    assert "certificate is not trusted" in caught.value.remedy


async def test_services_of_its_own_answer(lab: Lab, context: Make) -> None:
    services = ["apache2", "named"]
    lab.hosts[1].run(["systemctl", "start", *services])
    try:
        ctx = context(setup_dns=True)
        await ConnectionCheck().run(ctx)
        line = "Services of its own answer on ipareplica.example.com: 53 (TCP), 53 (UDP), 80 (TCP)"
        assert line in ctx.text.splitlines()
    finally:
        lab.hosts[1].run(["systemctl", "stop", *services])


async def test_skipped_with_a_reason(context: Make) -> None:
    ctx = context(skip_conncheck_reason="checked by hand")
    await ConnectionCheck().run(ctx)
    assert await ConnectionCheck().done(ctx)
    assert ctx.lines == [("warning", "Connection check skipped: checked by hand")]
    assert ctx.facts["connection_check"] == "skipped: checked by hand"
