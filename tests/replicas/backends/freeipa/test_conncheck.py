"""`server_conncheck` as FreeIPA 4.12.4 answered it; the refusals are written by hand. Sent like recorded calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replicas.backends.freeipa import conncheck
from replicas.backends.freeipa.conncheck import CAUSE, from_master, require_name
from replicas.errors import StepError
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server

MASTER, REPLICA = "ipaserver.example.com", "replica2.example.com"
HEAD = f"Check connection from master to remote replica '{REPLICA}':"
BLOCKED = (
    HEAD,
    "Failed to connect to port 389 tcp on 10.88.3.11",
    "   Directory Service: Unsecure port (389): FAILED",
    "   Directory Service: Secure port (636): OK",
    "Failed to connect to port 88 udp on 10.88.3.11",
    "   Kerberos KDC: UDP (88): WARNING",
    "The following UDP ports could not be verified as open: 88",
    "ERROR: Port check failed! Inaccessible port(s): 389 (TCP)",
)
GOOD = (HEAD, "   Kerberos KDC: UDP (88): WARNING", "   HTTP Server: Secure port (443): OK")
UNRESOLVED = (HEAD, f"ERROR: Port check failed! Unable to resolve host name '{REPLICA}'")


def says(server: Server, body: dict[str, Any]) -> None:
    server.expect("login_ok")
    written(server, "server_show", "server_conncheck", [MASTER, REPLICA], {}, "server_show")
    assert server.replay
    armed = server.replay.armed[-1]
    server.replay.armed[-1] = armed | {"response": armed["response"] | {"body": {"error": None, "id": 0, **body}}}


def lines(result: bool, said: tuple[str, ...]) -> dict[str, Any]:
    messages = [
        {"type": "info", "name": "ExternalCommandOutput", "message": line, "code": 13016, "data": {"line": line}}
        for line in said
    ]
    return {"result": {"result": result, "value": MASTER, "messages": messages}}


async def test_a_port_that_the_master_did_not_reach_is_named(context: Make, recorded: Server) -> None:
    says(recorded, lines(False, BLOCKED))
    made = context()
    ((port, cause),) = await from_master(made)
    assert (str(port), cause) == ("389 (TCP)", CAUSE)
    assert [text for level, text in made.lines if level == "error"] == [BLOCKED[2]]
    assert [text for level, text in made.lines if level == "warning"] == [BLOCKED[5]]
    assert made.text == "\n".join(BLOCKED)


async def test_udp_ports_are_warnings(context: Make, recorded: Server) -> None:
    says(recorded, lines(True, GOOD))
    made = context()
    assert await from_master(made) == ()
    assert [text for level, text in made.lines if level == "warning"] == [GOOD[1]]


async def test_a_name_that_only_the_master_cannot_resolve_is_an_error(context: Make, recorded: Server) -> None:
    says(recorded, lines(False, UNRESOLVED))
    made = context()
    with pytest.raises(StepError, match=f"{MASTER} cannot resolve {REPLICA}") as caught:
        await from_master(made)
    assert "Unable to resolve" in made.text
    assert f"/etc/resolv.conf and /etc/hosts on {MASTER}" in caught.value.remedy


async def test_a_failure_without_a_reason_is_a_warning(context: Make, recorded: Server) -> None:
    says(recorded, lines(False, (HEAD,)))
    made = context()
    assert await from_master(made) == ()
    assert made.lines[-1] == ("warning", f"server_conncheck of {MASTER} failed without naming a port")


class Resolving(RealmContext):
    """Its master finds the replica's name at one list of addresses after the other; the last one stays."""

    def __init__(self, *answers: str, **options: Any) -> None:
        super().__init__(job(**{"ip_addresses": ("10.77.0.12", "2001:db8::12")} | options), "")
        self.answers = list(answers)

    async def host(self, role: str) -> Any:
        assert role == "master"

        async def run(*argv: str, check: bool) -> SimpleNamespace:
            assert argv[-3:] == ("getent", "ahosts", REPLICA)
            found = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]).split()
            return SimpleNamespace(text="".join(f"{one} STREAM {REPLICA}\n{one} DGRAM\n" for one in found))

        return SimpleNamespace(name=MASTER, run=run)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conncheck, "NAME_SECONDS", 0.05)
    monkeypatch.setattr(conncheck, "POLL_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answers", [("10.77.0.12 2001:db8::12",), ("10.77.0.12",), ("", "10.77.0.12")])
async def test_the_master_finds_the_replica_by_its_name(answers: tuple[str, ...]) -> None:
    made = Resolving(*answers)
    await require_name(made)
    assert f"{MASTER} resolves {REPLICA} to 10.77.0.12" in made.text


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", f"{MASTER} cannot resolve {REPLICA}."),
        ("10.77.0.99", f"{MASTER} resolves {REPLICA} to 10.77.0.99, not to 10.77.0.12, 2001:db8::12."),
        ("10.77.0.12 10.77.0.99", f"{MASTER} resolves {REPLICA} to 10.77.0.99, not to 10.77.0.12, 2001:db8::12."),
    ],
)
async def test_a_name_that_leads_nowhere_or_elsewhere_is_an_error(answer: str, why: str) -> None:
    with pytest.raises(StepError) as caught:
        await require_name(Resolving(answer))
    assert caught.value.message == why
    assert "/etc/resolv.conf" in caught.value.remedy


async def test_without_records_of_this_run_the_name_was_proved_before() -> None:
    await require_name(Resolving("", ip_addresses=()))


@pytest.mark.parametrize(
    ("code", "message", "why"),
    [
        (2100, "Insufficient access: not allowed to perform server connection check", "«Replication Administrators»"),
        (905, "unknown command 'server_conncheck'", "does not have it"),
        (903, "an internal error has occurred", "whether oddjobd runs"),
    ],
)
async def test_a_check_that_cannot_be_made_is_a_warning(
    context: Make, recorded: Server, code: int, message: str, why: str
) -> None:
    says(recorded, {"result": None, "error": {"code": code, "name": "Some", "message": message, "data": {}}})
    made = context()
    assert await from_master(made) == ()
    ((level, text),) = made.lines
    assert level == "warning"
    assert text.startswith(f"Without server_conncheck: {MASTER} refused server_conncheck: {message} ")
    assert why in text
