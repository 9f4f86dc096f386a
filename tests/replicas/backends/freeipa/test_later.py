"""What a server that serves can become, on what FreeIPA 4.9.11 was recorded to say: the portal understands it, no more.

The directories are written by hand, as their agreements were not recorded.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from replicas.backends.freeipa import dogtag, health, hiding, nameservice, serving, topology
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.realm import Segment, Server
from replicas.backends.freeipa.replication import agreement, code
from replicas.backends.freeipa.steps import reinitialize
from replicas.backends.freeipa.steps.dogtag import AddRole, ProveRole
from replicas.backends.freeipa.steps.nameserver import InstallNameServer
from replicas.backends.freeipa.steps.prove import PROOFS
from replicas.backends.freeipa.steps.reinitialize import BEFORE, DONE, ProveArrives, Reinitialize
from replicas.backends.freeipa.steps.removable import removable
from replicas.backends.freeipa.steps.segment import AddSegment, ProveSegment
from replicas.backends.freeipa.steps.verify import MISSING
from replicas.backends.freeipa.steps.visibility import SetState, VerifyHidden
from replicas.clients.ldap import LdapRefused
from replicas.errors import DnsError, StepError
from replicas.lifecycle.job import Action
from replicas.lifecycle.steps import convergence
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
from tests.replicas.backends.freeipa.recording import written
from tests.replicas.clients.freeipa.conftest import Server as Recorded

MASTER, REPLICA, OTHER = "ipaserver.example.com", "ipareplica.example.com", "replica2.example.com"
SEGMENT = f"{REPLICA}-to-{MASTER}"
ROOT = "dc=example,dc=com"
GOOD = "Error (0) Replica acquired successfully: Incremental update succeeded"


def changed(recorded: Recorded, old: str, new: str) -> None:
    """The next answer, with other words in it."""
    assert recorded.replay
    said = json.dumps(recorded.replay.armed[-1]["response"])
    assert old in said
    recorded.replay.armed[-1]["response"] = json.loads(said.replace(old, new))


def only(recorded: Recorded, name: str, role: str) -> None:
    """The next answer's server has one role more."""
    assert recorded.replay
    answer = copy.deepcopy(recorded.replay.armed[-1])
    for entry in answer["response"]["body"]["result"]["result"]:
        if entry["cn"] == [name]:
            entry["enabled_role_servrole"] = [*entry["enabled_role_servrole"], role]
    recorded.replay.armed[-1] = answer


def of_agreement(init: str = "", begun: str = "0", refresh: str = "", update: str = GOOD) -> dict[str, list[str]]:
    found = {
        "nsds5ReplicaRoot": ROOT,
        "nsds5ReplicaLastInitStart": begun,
        "nsds5ReplicaLastInitStatus": init,
        "nsds5BeginReplicaRefresh": refresh,
        "nsds5ReplicaLastUpdateStatus": update,
    }
    return {name: [value] for name, value in found.items() if value}


class Book:
    """Directories by server: what each says of its agreements, one answer after the other, and descriptions."""

    def __init__(self) -> None:
        self.said: dict[str, list[dict[str, list[str]] | None]] = {}
        self.description: list[str] = []
        self.filters: list[str] = []
        self.segment: list[tuple[str, Any]] = []
        self.refused = 0


class FakeDirectory:
    def __init__(self, hostname: str, book: Book) -> None:
        self.hostname, self.book = hostname, book

    async def search(self, base: str, wanted: str, attrs: Any = (), scope: str = "subtree") -> list[Any]:
        if "numSubordinates" in wanted:
            return [(ROOT, {"numSubordinates": ["10"]})]
        self.book.filters.append(wanted)
        answers = self.book.said[self.hostname]
        entry = answers.pop(0) if len(answers) > 1 else answers[0]
        other = of_agreement() | {"nsds5ReplicaRoot": ["o=ipaca"]}
        return [("cn=other", other), *([("cn=it", entry)] if entry else [])]

    async def get(self, dn: str, attrs: Any = ()) -> dict[str, list[str]]:
        return {"opscompleted": ["4"]} if dn == "cn=monitor" else {"description": list(self.book.description)}

    async def modify(self, dn: str, change: tuple[str, str, list[str]]) -> None:
        if "cn=topology" in dn:
            self.book.segment.append((dn, change))
            if self.book.refused:
                raise LdapRefused("no such attribute", self.book.refused)
            return
        assert dn.startswith("fqdn=")
        self.book.description = list(change[2])


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    made = Book()

    @contextlib.asynccontextmanager
    async def directory_at(ctx: RealmContext, hostname: str, address: str) -> AsyncIterator[FakeDirectory]:
        yield FakeDirectory(hostname, made)

    for module in (topology, reinitialize):
        monkeypatch.setattr(module, "directory_at", directory_at)
    for name in ("POLL_SECONDS", "ASK_SECONDS", "BEGIN_SECONDS", "LAST_SECONDS"):
        monkeypatch.setattr(reinitialize, name, 0.01)
    for name in ("FIRST_PAUSE", "REPLICATED_SECONDS"):
        monkeypatch.setattr(convergence, name, 0.01)
    yield made
    assert made.description == [], "what was written is put back"


def again(context: Make, suffix: str = "domain") -> RealmContext:
    return context("reinit", replica="ipareplica", suffix=suffix, partner=MASTER)


@pytest.mark.parametrize(
    ("status", "number"),
    [("Error (0) Total update succeeded", 0), ("0 Total update succeeded", 0), ("Error (-1) x", -1), ("", -1)],
)
def test_a_status_has_a_code(status: str, number: int) -> None:
    assert code(status) == number


async def test_an_agreement_is_found_by_its_consumer_and_its_suffix(book: Book) -> None:
    book.said[MASTER] = [of_agreement("Error (0) Total update succeeded", "20261123")]
    found = await agreement(FakeDirectory(MASTER, book), ROOT, f"{REPLICA})(cn=*")  # type: ignore[arg-type]
    assert found
    assert (found.begun, found.initializing, found.met) == ("20261123", False, True)
    assert "\\29\\28cn=\\2a" in book.filters[0]


async def test_the_replicas_side_of_the_segment_is_initialized_and_followed(
    recorded: Recorded, context: Make, book: Book
) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    written(
        recorded, "topologysegment_reinitialize", "topologysegment_reinitialize", ["domain", SEGMENT], {"left": True},
        "topologysegment_reinitialize",
    )  # fmt: skip
    book.said[MASTER] = [
        of_agreement("Error (0) Total update succeeded", "1"),
        of_agreement("Error (0) Total update in progress", "2"),
        of_agreement("Error (0) Total update succeeded", "2"),
    ]
    made = again(context)
    await Reinitialize(made.job).run(made)
    assert DONE in made.facts
    assert f"the left node of {SEGMENT}" in made.text
    assert made.text.count("Total update") == 2


NOTHING = "dnsrecord_add_duplicate"
"""Recorded with «no modifications to be performed»."""


def ask(recorded: Recorded, *answers: str) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    for answer in answers:
        name = "topologysegment_reinitialize"
        written(recorded, name, name, ["domain", SEGMENT], {"left": True}, answer)


@pytest.mark.parametrize("gone", [False, True])
async def test_what_an_earlier_one_left_at_the_segment_is_forgotten(
    recorded: Recorded, context: Make, book: Book, gone: bool
) -> None:
    """Seen of 4.12.4: «start» stays there for a while when all is over, and the same again is nothing to change."""
    ask(recorded, NOTHING, "topologysegment_reinitialize")
    old = of_agreement("Error (0) Total update succeeded", "1", refresh="stop")
    book.said[MASTER] = [old, old, of_agreement("Error (0) Total update succeeded", "2")]
    book.refused = 16 if gone else 0
    made = again(context)
    await Reinitialize(made.job).run(made)
    assert DONE in made.facts
    assert book.segment == [
        (f"cn={SEGMENT},cn=domain,cn=topology,cn=ipa,cn=etc,{ROOT}", ("delete", "nsds5BeginReplicaRefresh;right", []))
    ]


async def test_what_was_asked_for_and_begins_only_now_is_followed(
    recorded: Recorded, context: Make, book: Book
) -> None:
    ask(recorded, NOTHING)
    book.said[MASTER] = [
        of_agreement("Error (0) Total update succeeded", "1"),
        of_agreement("Error (0) Total update succeeded", "1", refresh="start"),
        of_agreement("Error (0) Total update succeeded", "2"),
    ]
    made = again(context)
    await Reinitialize(made.job).run(made)
    assert "has begun with what was asked for before" in made.text
    assert not book.segment


async def test_a_wish_that_is_not_taken_is_an_error(recorded: Recorded, context: Make, book: Book) -> None:
    ask(recorded, NOTHING, NOTHING)
    book.said[MASTER] = [of_agreement("Error (0) Total update succeeded", "1")]
    with pytest.raises(StepError, match="does not take a new wish"):
        await Reinitialize(again(context).job).run(again(context))


async def test_what_is_taken_and_does_not_begin_is_asked_for_again(
    recorded: Recorded, context: Make, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(recorded, "topologysegment_reinitialize")
    ask(recorded, NOTHING, "topologysegment_reinitialize")
    book.said[MASTER] = [of_agreement("", "1")]

    async def forget(*asked: object) -> None:
        book.said[MASTER] = [of_agreement("Error (0) Total update succeeded", "2")]

    monkeypatch.setattr(reinitialize, "_forget", forget)
    made = again(context)
    await Reinitialize(made.job).run(made)
    assert made.text.count("Nothing has begun after") == 1
    assert DONE in made.facts


async def test_what_never_begins_fails_after_the_last_time(recorded: Recorded, context: Make, book: Book) -> None:
    for _ in range(reinitialize.ASKS):
        ask(recorded, "topologysegment_reinitialize")
    book.said[MASTER] = [of_agreement("Error (0) Total update succeeded", "1")]
    with pytest.raises(StepError, match="has not begun after"):
        await Reinitialize(again(context).job).run(again(context))


async def test_a_replica_that_is_busy_with_another_server_is_asked_for_again(
    recorded: Recorded, context: Make, book: Book
) -> None:
    """Seen of 4.12.4 with three servers; the words are its own."""
    busy = "Error (1) Replication error acquiring replica: replica busy"
    ask(recorded, "topologysegment_reinitialize")
    ask(recorded, NOTHING, "topologysegment_reinitialize")
    book.said[MASTER] = [
        of_agreement("", "1"),
        of_agreement(busy, "2"),
        of_agreement(busy, "2"),
        of_agreement("Error (0) Total update succeeded", "3"),
    ]
    made = again(context)
    await Reinitialize(made.job).run(made)
    assert "was busy with another server; asking again" in made.text
    assert DONE in made.facts


async def test_a_replica_that_stays_busy_is_an_error(
    recorded: Recorded, context: Make, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinitialize, "BUSY_SECONDS", 0)
    ask(recorded, "topologysegment_reinitialize")
    book.said[MASTER] = [of_agreement("", "1"), of_agreement("Error (1) acquiring replica: replica busy", "2")]
    with pytest.raises(StepError, match="could not initialize .* replica busy"):
        await Reinitialize(again(context).job).run(again(context))


async def test_the_other_side_is_the_right_one(recorded: Recorded, context: Make, book: Book) -> None:
    """The master of the recording, if it were a replica: what was recorded is its side."""
    recorded.expect("login_ok", "topologysegment_find", "topologysegment_reinitialize")
    book.said[REPLICA] = [of_agreement(), of_agreement("Error (0) Total update succeeded", "1")]
    made = context("reinit", replica="ipaserver", suffix="domain", partner=REPLICA)

    async def address(ctx: RealmContext, name: str) -> str:
        return "10.77.0.11"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reinitialize, "address", address)
        await Reinitialize(made.job).run(made)
    assert f"the right node of {SEGMENT}" in made.text


async def test_who_takes_over_does_not_ask_again(recorded: Recorded, context: Make, book: Book) -> None:
    book.said[MASTER] = [of_agreement("Error (0) Total update succeeded", "2")]
    made = again(context)
    made.facts[BEFORE] = "1"
    await Reinitialize(made.job).run(made)
    assert "Asked" not in made.text
    assert await Reinitialize(made.job).done(made)


async def test_a_failure_is_the_servers_own_words_and_is_asked_for_anew(
    recorded: Recorded, context: Make, book: Book
) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    written(
        recorded, "topologysegment_reinitialize", "topologysegment_reinitialize", ["domain", SEGMENT], {"left": True},
        "topologysegment_reinitialize",
    )  # fmt: skip
    book.said[MASTER] = [of_agreement("", "1"), of_agreement("Error (-1) - LDAP error: Can't contact", "2")]
    made = again(context)
    with pytest.raises(StepError, match="could not initialize ipareplica.*Can't contact"):
        await Reinitialize(made.job).run(made)
    assert (made.facts[BEFORE], DONE in made.facts) == ("2", False)


@pytest.mark.parametrize(("begun", "what"), [("1", "has not begun"), ("2", "is not finished")])
async def test_what_does_not_begin_or_does_not_end_fails_in_time(
    recorded: Recorded, context: Make, book: Book, begun: str, what: str
) -> None:
    book.said[MASTER] = [of_agreement("Error (0) Total update in progress", begun)]
    made = again(context)
    made.facts[BEFORE] = "1"
    with pytest.raises(StepError, match=f"{what} after .* Total update in progress"):
        await Reinitialize(made.job).run(made)


async def test_a_write_arrives_and_is_put_back(context: Make, book: Book) -> None:
    book.said[MASTER] = [of_agreement(update="Error (18) busy"), of_agreement()]
    made = again(context)
    await ProveArrives().run(made)
    assert f"A write on {MASTER} was on {REPLICA}" in str(made.facts[PROOFS])


async def test_an_agreement_that_meets_errors_is_no_proof(context: Make, book: Book) -> None:
    book.said[MASTER] = [of_agreement(update="Error (19) Replication error acquiring replica")]
    with pytest.raises(StepError, match="says: Error \\(19\\)"):
        await ProveArrives().run(again(context))


async def test_a_server_that_it_does_not_replicate_with_is_refused(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    with pytest.raises(StepError, match=f"has no segment of the suffix domain with {OTHER}"):
        await topology.joined(context("reinit", replica="ipareplica", suffix="domain", partner=OTHER))


async def test_an_agreement_that_cannot_be_followed_is_refused_before(
    recorded: Recorded, context: Make, book: Book
) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    book.said[MASTER] = [None]
    with pytest.raises(StepError, match="that admin may read"):
        await topology.joined(again(context))


@pytest.mark.parametrize("answer", ["topologysegment_reinitialize", "host_add_duplicate"])
async def test_a_segment_is_added_and_one_that_is_there_is_fine(recorded: Recorded, context: Make, answer: str) -> None:
    recorded.expect("login_ok")
    ends = {"iparepltoposegmentleftnode": OTHER, "iparepltoposegmentrightnode": REPLICA}
    name = f"{OTHER}-to-{REPLICA}"
    written(recorded, "topologysegment_find", "topologysegment_add", ["domain", name], ends, answer)
    made = context("segment", suffix="domain", partner=REPLICA)
    await AddSegment(made.job).run(made)
    assert ("there already" in made.text) == (answer == "host_add_duplicate")


async def test_a_segment_is_there_whichever_end_is_left(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "topologysegment_find")
    made = context("segment", replica="ipaserver", suffix="domain", partner=REPLICA)
    assert await AddSegment(made.job).done(made)


async def test_both_directions_are_proved(recorded: Recorded, context: Make, book: Book) -> None:
    recorded.expect("login_ok", "topologysuffix_verify")
    book.said = {MASTER: [of_agreement()], REPLICA: [None, of_agreement()]}
    made = context("segment", replica="ipareplica", suffix="domain", partner=MASTER)
    await ProveSegment().run(made)
    for one, other in ((MASTER, REPLICA), (REPLICA, MASTER)):
        assert f"A write on {one} was on {other}" in made.text


async def test_one_direction_alone_is_no_segment(recorded: Recorded, context: Make, book: Book) -> None:
    recorded.expect("login_ok", "topologysuffix_verify")
    book.said = {MASTER: [None], REPLICA: [of_agreement()]}
    made = context("segment", replica="ipareplica", suffix="domain", partner=MASTER)
    with pytest.raises(StepError, match=f"agreement of {MASTER} with {REPLICA} for domain does not exist"):
        await ProveSegment().run(made)


@pytest.mark.parametrize(
    ("partner", "suffix", "why"),
    [
        (OTHER, "domain", f"{OTHER} is no server"),
        (MASTER, "ca", f"{REPLICA} does not have the suffix ca; it has domain"),
    ],
)
async def test_ends_that_cannot_be_joined_are_refused(
    recorded: Recorded, context: Make, book: Book, partner: str, suffix: str, why: str
) -> None:
    recorded.expect("login_ok", "server_find")
    written(recorded, "topologysegment_find", "topologysegment_find", [suffix], {"all": True}, "topologysegment_find")
    with pytest.raises(StepError, match=why):
        await topology.addable(context("segment", replica="ipareplica", suffix=suffix, partner=partner))


def test_a_suggestion_says_what_somebody_types_instead() -> None:
    servers = [Server(name, ("IPA master",), ("domain",)) for name in ("a", "b", "c")]
    line = [Segment("domain", "1", "a", "b"), Segment("domain", "2", "b", "c")]
    (found,) = health.suggestions(servers, line)
    assert found.command == "ipa topologysegment-add domain a-to-c --leftnode=a --rightnode=c"


STATE: dict[str, Any] = {"hide": "hidden", "unhide": "enabled"}


def asked(recorded: Recorded, action: str, answer: str) -> None:
    recorded.expect("login_ok")
    state = {"state": STATE[action]}
    written(recorded, "topologysegment_reinitialize", "server_state", [MASTER], state, answer)


@pytest.mark.parametrize("answer", ["topologysegment_reinitialize", "dnsrecord_add_duplicate"])
@pytest.mark.parametrize("action", ["hide", "unhide"])
async def test_all_roles_take_the_state(recorded: Recorded, context: Make, action: Action, answer: str) -> None:
    asked(recorded, action, answer)
    recorded.expect("server_role_find")
    changed(recorded, '"enabled"', f'"{STATE[action]}"')
    made = context(action, replica="ipaserver")
    step = SetState(made.job, STATE[action])
    await step.run(made)
    assert made.facts[PROOFS] == [f"{STATE[action].capitalize()} on {MASTER}: IPA master."]
    assert ("already" in made.text) == (answer == "dnsrecord_add_duplicate")


async def test_a_role_that_stays_announced_is_an_error(recorded: Recorded, context: Make) -> None:
    asked(recorded, "hide", "topologysegment_reinitialize")
    recorded.expect("server_role_find")
    made = context("hide", replica="ipaserver")
    with pytest.raises(StepError, match="is not hidden with all that it serves: IPA master is enabled"):
        await SetState(made.job, "hidden").run(made)


async def test_what_the_realm_refuses_is_explained(recorded: Recorded, context: Make) -> None:
    asked(recorded, "hide", "host_add_bad_name")
    made = context("hide", replica="ipaserver")
    with pytest.raises(StepError) as caught:
        await SetState(made.job, "hidden").run(made)
    assert "let another server do that first" in caught.value.remedy


async def test_one_of_two_servers_can_be_hidden(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find", "config_show", "server_find")
    assert "can be hidden" in await hiding.hideable(context("hide", replica="ipaserver"))


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"ca_renewal_master_server": MASTER}, "renews the certificates"),
        ({"dnssec_key_master_server": [MASTER]}, "keeps the DNSSEC keys"),
        ({"ca_server_server": [MASTER], "ipa_master_server": [MASTER, REPLICA]}, "last server of CA"),
        ({"kra_server_server": [MASTER]}, "last server of KRA"),
        ({"dns_server_server": [MASTER]}, "last server of DNS"),
        ({"ipa_master_server": [MASTER]}, "last server of the realm itself"),
        ({hiding.TRUSTING: [MASTER]}, "last server of AD trust"),
    ],
)
def test_what_a_realm_cannot_do_without_is_not_hidden(shown: dict[str, Any], why: str) -> None:
    hiding.refuse(shown, REPLICA)
    with pytest.raises(StepError, match=why):
        hiding.refuse(shown, MASTER)


async def test_only_a_hidden_server_is_announced_again(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"enabled"', '"hidden"')
    assert await hiding.hidden(context("unhide", replica="ipaserver")) == f"{MASTER} is hidden"
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"enabled"', '"configured"')
    with pytest.raises(StepError, match="is configured as a server"):
        await hiding.hidden(context("unhide", replica="ipaserver"))


async def test_a_hidden_server_that_the_realm_still_expects_records_of_is_an_error(
    recorded: Recorded, context: Make
) -> None:
    recorded.expect("login_ok", "dns_update_system_records_dry_run")
    with pytest.raises(DnsError, match="still expects records of ipaserver"):
        await VerifyHidden().run(context("hide", replica="ipaserver"))


async def test_where_nobody_serves_the_zones_the_records_to_take_away_are_told(
    recorded: Recorded, context: Make
) -> None:
    dry = "dns_update_system_records_dry_run"
    recorded.expect("login_ok", dry, dry, "config_show")
    made = context("hide", hidden_replica=True)
    await VerifyHidden().run(made)
    assert made.facts[MISSING] == []
    assert f"_ldap._tcp.example.com. 3600 IN SRV 0 100 389 {OTHER}." in made.text


def test_an_authority_is_asked_for_without_a_password_on_its_command_line() -> None:
    wanted = job("ca", setup_ca=True, pki_config_override="/root/pki.ini", token_name="hsm", no_host_dns=True)  # noqa: S106
    shown = [str(touch) for touch in AddRole(wanted).touches(wanted)]
    line = "ipa-ca-install --unattended --skip-conncheck --no-host-dns --pki-config-override=/root/pki.ini"
    assert f"{OTHER}: {line} --token-name=hsm" in shown
    kra = job("kra", setup_ca=True, setup_kra=True, token_name="hsm", token_password_file="/root/pin")  # noqa: S106
    shown = [str(touch) for touch in AddRole(kra).touches(kra)]
    assert f"{OTHER}: ipa-kra-install --unattended --token-password-file=/root/pin" in shown
    assert FreeIpaBackend().needs("ca") == FreeIpaBackend().needs("kra") == ("admin", "directory_manager")
    assert FreeIpaBackend().needs("hide") == ("admin",)


class Units:
    """The replica's host, on which systemd has these units."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def run(self, *argv: str) -> Units:
        assert argv[:2] == ("systemctl", "list-units")
        return self


def on_host(made: RealmContext, units: str = "") -> RealmContext:
    async def host(role: str) -> Units:
        return Units(units)

    made.host = host  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize(
    ("state", "there"), [("active running", False), ("active exited", True), ("failed failed", False)]
)
async def test_an_installer_of_a_role_is_heard_to_its_end(
    recorded: Recorded, context: Make, state: str, there: bool
) -> None:
    """It enables the role before its last words."""
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"CA server", "server_server": "ipaserver.example.com", "status": "absent"',
            '"CA server", "server_server": "ipaserver.example.com", "status": "enabled"')  # fmt: skip
    unit = f"replica-portal-0123456789ab-replica-ca.service loaded {state} import sys\nif sys.version_info<(3, 6):\n"
    made = on_host(context("ca", replica="ipaserver", setup_ca=True), unit)
    assert await AddRole(made.job).done(made) is there


@pytest.mark.parametrize(("hidden", "status"), [(False, "enabled"), (True, "hidden")])
async def test_a_role_is_there_when_it_is_as_the_server_is(
    recorded: Recorded, context: Make, hidden: bool, status: str
) -> None:
    for said, there in ((status, True), ("configured", False)):
        recorded.expect("login_ok", "server_role_find")
        changed(recorded, '"CA server", "server_server": "ipaserver.example.com", "status": "absent"',
                f'"CA server", "server_server": "ipaserver.example.com", "status": "{said}"')  # fmt: skip
        made = on_host(context("ca", replica="ipaserver", setup_ca=True, hidden_replica=hidden))
        assert await AddRole(made.job).done(made) is there


async def test_an_authority_is_proved_by_its_role_and_its_segment(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"absent"', '"enabled"')
    written(recorded, "topologysegment_find", "topologysegment_find", ["ca"], {"all": True}, "topologysegment_find")
    written(recorded, "topologysuffix_verify", "topologysuffix_verify", ["ca"], {}, "topologysuffix_verify")
    made = context("ca", replica="ipaserver", setup_ca=True)
    await ProveRole(made.job).run(made)
    proofs = made.facts[PROOFS]
    assert isinstance(proofs, list)
    assert "CA server" in str(proofs[0])
    assert f"{MASTER} replicates ca with {REPLICA}" in str(proofs[1])


@pytest.mark.parametrize(
    ("action", "said", "why"),
    [
        ("ca", {}, "No server of EXAMPLE.COM has a CA"),
        ("ca", {"CA server": "configured"}, "has a CA already, which is configured"),
        ("kra", {"KRA server": "enabled"}, "has a KRA already, which is enabled"),
        ("kra", {}, "has no CA, without which there is no KRA"),
        ("kra", {"CA server": "enabled"}, "No server of EXAMPLE.COM has a KRA"),
    ],
)
async def test_a_role_that_cannot_be_added_is_refused(
    recorded: Recorded, context: Make, action: Action, said: dict[str, str], why: str
) -> None:
    recorded.expect("login_ok", "server_role_find")
    for role, status in said.items():
        start = f'"{role}", "server_server": "{MASTER}", "status": '
        changed(recorded, f'{start}"absent"', f'{start}"{status}"')
    recorded.expect("config_show")
    with pytest.raises(StepError, match=why) as caught:
        await dogtag.lacking(context(action, replica="ipaserver", setup_ca=True))
    # Only a role that was not finished is a reason to remove its server.
    assert ("request its removal" in caught.value.remedy) == ("configured" in why)


async def test_a_removal_looks_at_the_roles_that_are_there_and_not_at_the_request(
    recorded: Recorded, context: Make
) -> None:
    """A CA that was added later, by the portal or by hand, counts like one of the installation."""
    recorded.expect("login_ok", "config_show")
    changed(recorded, '"cn": ["ipaConfig"]', f'"cn": ["ipaConfig"], "ca_server_server": ["{REPLICA}"]')
    recorded.expect("server_find", "topologysuffix_find", "topologysegment_find")
    with pytest.raises(StepError, match="ipareplica.* is the last server of CA"):
        await removable(context("remove", replica="ipareplica"))


async def test_a_removal_minds_the_last_trust_controller_and_the_dnssec_keys(recorded: Recorded, context: Make) -> None:
    """`config_show` does not tell of trust controllers; servers tell their roles."""
    recorded.expect("login_ok", "config_show", "server_find")
    only(recorded, REPLICA, "AD trust controller")
    recorded.expect("topologysuffix_find", "topologysegment_find")
    with pytest.raises(StepError, match=f"{REPLICA} is the last server of AD trust"):
        await removable(context("remove", replica="ipareplica"))
    recorded.expect("login_ok", "config_show")
    changed(recorded, '"cn": ["ipaConfig"]', f'"cn": ["ipaConfig"], "dnssec_key_master_server": ["{REPLICA}"]')
    recorded.expect("server_find", "topologysuffix_find", "topologysegment_find")
    with pytest.raises(StepError, match="keeps the DNSSEC keys of the realm, and must not be removed"):
        await removable(context("remove", replica="ipareplica"))


async def test_a_lost_master_has_no_role_any_more(recorded: Recorded, context: Make) -> None:
    recorded.expect("login_ok", "config_show")
    holders = f'"ca_server_server": ["lost.example.com", "{REPLICA}"]'
    changed(recorded, '"cn": ["ipaConfig"]', f'"cn": ["ipaConfig"], {holders}')
    recorded.expect("server_find", "topologysuffix_find", "topologysegment_find")
    with pytest.raises(StepError, match="ipareplica.* is the last server of CA"):
        await removable(context("remove", replica="ipareplica", instead_of="lost.example.com"))


def test_the_name_services_installer_gets_what_was_asked_for() -> None:
    wanted = job(
        "dns", setup_dns=True, auto_forwarders=True, more_reverse_zones=("2.0.192.in-addr.arpa",),
        allow_zone_overlap=True, dns_over_tls=True, dot_forwarders=("192.0.2.53#dns.example.com",),
    )  # fmt: skip
    assert nameservice.arguments(wanted) == [
        "--unattended", "--auto-forwarders", "--forward-policy=first", "--reverse-zone=2.0.192.in-addr.arpa",
        "--allow-zone-overlap", "--dns-over-tls", "--dot-forwarder=192.0.2.53#dns.example.com",
    ]  # fmt: skip
    plain = job("dns", setup_dns=True, no_forwarders=True)
    assert nameservice.arguments(plain) == ["--unattended", "--no-forwarders", "--no-reverse"]


@pytest.mark.parametrize(("hidden", "status"), [(False, "enabled"), (True, "hidden")])
async def test_a_name_server_is_not_set_up_again(recorded: Recorded, context: Make, hidden: bool, status: str) -> None:
    """The recorded server has no package of the name service, and so no such role: another one's takes its name."""
    for said, there in (("configured", False), (status, True)):
        recorded.expect("login_ok", "server_role_find")
        changed(recorded, '"KRA server", "server_server": "ipaserver.example.com", "status": "absent"',
                f'"DNS server", "server_server": "ipaserver.example.com", "status": "{said}"')  # fmt: skip
        made = on_host(context("dns", replica="ipaserver", setup_dns=True, hidden_replica=hidden))
        assert await InstallNameServer().done(made) is there
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"KRA server", "server_server": "ipaserver.example.com", "status": "absent"',
            f'"DNS server", "server_server": "ipaserver.example.com", "status": "{status}"')  # fmt: skip
    with pytest.raises(StepError, match=f"is a name server already, which is {status}"):
        await nameservice.lacking(made)
    recorded.expect("login_ok", "server_role_find")
    assert "no name server yet" in await nameservice.lacking(made)


async def test_a_hidden_server_gets_no_name_service_whose_installer_would_announce_it(
    recorded: Recorded, context: Make
) -> None:
    recorded.expect("login_ok", "server_role_find")
    changed(recorded, '"enabled"', '"hidden"')
    with pytest.raises(StepError, match=f"{MASTER} is hidden, and ipa-dns-install would announce") as caught:
        await nameservice.lacking(context("dns", replica="ipaserver", setup_dns=True))
    assert "Announce it first" in caught.value.remedy


def role(recorded: Recorded, status: str) -> None:
    recorded.expect("login_ok", "server_role_find")
    if status != "enabled":
        changed(recorded, '"enabled"', f'"{status}"')


async def test_the_master_has_the_time_to_hear_of_a_role(
    recorded: Recorded, context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convergence, "FIRST_PAUSE", 0.01)
    for status in ("configured", "configured", "enabled"):
        role(recorded, status)
    await serving.require_soon(context(replica="ipaserver"), serving.MASTER, "/var/log/x")
    monkeypatch.setattr(convergence, "REPLICATED_SECONDS", 0)
    role(recorded, "configured")
    with pytest.raises(StepError, match='role "IPA master" on ipaserver.example.com is not enabled') as caught:
        await serving.require_soon(context(replica="ipaserver"), serving.MASTER, "/var/log/x")
    assert "/var/log/x" in caught.value.remedy
