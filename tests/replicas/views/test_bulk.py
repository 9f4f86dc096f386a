"""Requests in bulk: a table is right as a whole, or nothing of it happens."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas import keyring
from replicas.actions import host_keys, tables
from replicas.choices import ReplicaState
from replicas.clients import ssh
from replicas.errors import HostUnreachable
from replicas.forms import bulk
from replicas.forms.columns import COLUMNS
from replicas.forms.drafts import fingerprint_of
from replicas.models import AuditEvent, Draft, HostKey, Plan, PlanCredential, Replica
from replicas.views.findings import PATIENCE_SECONDS
from tests.replicas.identity import host_key
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_queries import MOST

GOOD = """hostname;master;ssh_address;setup_dns;forwarders;ip_addresses
one.example.com;ipaserver.example.com;192.0.2.31;yes;192.0.2.53 192.0.2.54;192.0.2.31 2001:db8::31

two.example.com;ipaserver.example.com;192.0.2.32;no;;
"""

NEW = ("one.example.com", "two.example.com")


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that present a key; a name that is added to the list does not answer."""
    silent: list[str] = []

    def fetch(address: str, port: int) -> str:
        if address in silent:
            raise HostUnreachable(f"{address} does not answer on port {port}.", "Is the host up?")
        return host_key(address)

    monkeypatch.setattr(host_keys, "fetch", fetch)
    return silent


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose hosts are to be looked at."""
    asked: list[str] = []
    monkeypatch.setattr(tables, "check_table", asked.append)
    monkeypatch.setattr(transaction, "on_commit", lambda work: work())
    return asked


def send(world: World, content: str, **more: str) -> str:
    answer = world.client("operator").post(reverse("replica_bulk"), {"content": content, **more}, follow=True)
    return html.unescape(answer.content.decode())


def found_good(*findings: dict[str, str]) -> UUID:
    """The checks of all drafts are done, and have found these."""
    Draft.objects.update(checked_at=timezone.now(), findings=list(findings))
    table = Draft.objects.values_list("table", flat=True)[0]
    assert table is not None
    return table


def submit_table(world: World, **data: str) -> str:
    table = Draft.objects.values_list("table", flat=True)[0]
    drafts = Draft.objects.filter(table=table)
    compared = {fingerprint_of(draft.pk): ssh.fingerprint(draft.frozen_job().replica.host_key) for draft in drafts}
    answer = world.client("operator").post(reverse("table_submit", args=[table]), compared | data, follow=True)
    return html.unescape(answer.content.decode())


def cells(world: World, content: str) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.column, one.problem) for one in bulk.read(content, world.people["operator"]).wrong]


def test_the_plan_of_each_row_is_shown_and_then_all_are_submitted(
    world: World, reachable: list[str], looked_at: list[str]
) -> None:
    number = Replica.objects.count()
    page = send(world, GOOD)
    assert "2 requests from a table" in page
    assert "2 are being looked at…" in page
    assert "Submit all for approval" not in page
    assert looked_at == [str(Draft.objects.values_list("table", flat=True)[0])]
    table = found_good()
    page = world.client("operator").get(reverse("table", args=[table])).content.decode()
    fingerprint = ssh.fingerprint(host_key("192.0.2.31"))
    for shown in (*NEW, "192.0.2.53, 192.0.2.54", fingerprint, "all good", "Submit all for approval"):
        assert shown in page
    row = world.client("operator").get(reverse("draft", args=[Draft.objects.earliest("pk").pk])).content.decode()
    assert "one.example.com. 3600 IN A 192.0.2.31" in row
    assert "What cannot be undone" in row
    assert (Replica.objects.count(), Plan.objects.filter(replica__hostname__in=NEW).count()) == (number, 0)

    digests = list(Draft.objects.order_by("pk").values_list("digest", flat=True))
    assert "2 requests are submitted." in submit_table(world)
    one = Replica.objects.get(hostname="one.example.com")
    assert one.forwarders == ["192.0.2.53", "192.0.2.54"]
    assert one.ip_addresses == ["192.0.2.31", "2001:db8::31"]
    assert (one.setup_dns, one.ssh_user, one.ssh_port, one.forward_policy) == (True, "root", 22, "first")
    assert one.requested_by == world.people["operator"]
    two = Replica.objects.get(hostname="two.example.com")
    assert (two.setup_dns, two.state) == (False, ReplicaState.REQUESTED)
    assert list(Plan.objects.filter(replica__in=[one, two]).order_by("pk").values_list("digest", flat=True)) == digests
    assert AuditEvent.objects.filter(verb="plan:submit", actor="operator").count() == 3  # one was there before
    assert not Draft.objects.exists()


def test_what_would_fail_needs_a_reason_which_only_that_plan_has(world: World, reachable: list[str]) -> None:
    send(world, GOOD)
    found_good()
    Draft.objects.filter(pk=Draft.objects.latest("pk").pk).update(findings=w.FINDINGS)
    assert "Say why it should be done all the same" in submit_table(world)
    assert not Plan.objects.filter(replica__hostname__in=NEW).exists()
    assert "2 requests are submitted." in submit_table(world, despite="It is switched off tonight")
    reasons = dict(Plan.objects.values_list("replica__hostname", "submitted_despite"))
    assert [reasons[name] for name in NEW] == [None, "It is switched off tonight"]
    assert [plan.findings for plan in Plan.objects.filter(replica__hostname__in=NEW).order_by("pk")] == [[], w.FINDINGS]


def test_plans_that_changed_are_shown_anew(world: World, reachable: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    send(world, GOOD)
    table = found_good()
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: host_key(f"another key of {address}"))
    page = submit_table(world)
    assert "The plan would not be the one that is shown here any more" in page
    assert "2 requests from a table" in page
    assert not Plan.objects.filter(replica__hostname__in=NEW).exists()
    assert not Draft.objects.filter(table=table).exists()
    keys = {draft.frozen_job().replica.host_key for draft in Draft.objects.all()}
    assert keys == {host_key(f"another key of 192.0.2.{number}") for number in (31, 32)}


def test_a_table_whose_key_is_gone_is_told_so_where_it_would_be_changed(
    world: World, reachable: list[str], looked_at: list[str], settings: Settings
) -> None:
    send(world, GOOD)
    where = f"{reverse('replica_bulk')}?table={found_good()}"
    settings.SECRET_KEYS_FILE = settings.SECRET_KEYS_FILE.with_name("others")
    answer = world.client("operator").get(where)
    assert answer.status_code == 200
    assert "is encrypted with, is not in" in answer.content.decode()


def test_the_table_can_be_changed_discarded_and_looked_at_again(
    world: World, reachable: list[str], looked_at: list[str]
) -> None:
    client = world.client("operator")
    send(world, GOOD, directory_manager="canary-manager")
    table = found_good()
    form = client.get(f"{reverse('replica_bulk')}?table={table}").content.decode()
    content = client.get(f"{reverse('replica_bulk')}?table={table}").context["form"]["content"].value()
    assert "canary-manager" not in form
    assert list(csv.reader(io.StringIO(content))) == [
        ["hostname", "master", "ssh_address", "ssh_port", "ssh_user", "ip_addresses", "setup_dns", "forwarders"],
        ["one.example.com", "ipaserver.example.com", "192.0.2.31", "22", "root", "192.0.2.31 2001:db8::31", "yes",
         "192.0.2.53 192.0.2.54"],
        ["two.example.com", "ipaserver.example.com", "192.0.2.32", "22", "root", "", "", ""],
    ]  # fmt: skip
    assert cells(world, content) == []
    client.post(reverse("table_check", args=[table]))
    assert looked_at == [str(table)] * 2
    assert not Draft.objects.filter(checked_at__isnull=False).exists()
    client.post(reverse("table_discard", args=[table]))
    assert not Draft.objects.exists()


def test_a_row_can_be_left_out_on_its_own_page(world: World, reachable: list[str]) -> None:
    client = world.client("operator")
    send(world, GOOD)
    table = found_good()
    first, second = Draft.objects.order_by("pk")
    shown = client.get(reverse("draft", args=[first.pk])).content.decode()
    assert reverse("table", args=[table]) in shown
    assert reverse("draft_submit", args=[first.pk]) not in shown
    page = client.post(reverse("draft_discard", args=[first.pk]), follow=True).content.decode()
    assert "one.example.com is left out of the table." in page
    assert "1 request from a table" in page
    answer = client.post(reverse("draft_discard", args=[second.pk]))
    assert answer["Location"] == reverse("replica_bulk")


def test_it_is_waited_for_as_long_as_rows_are_looked_at(world: World, reachable: list[str]) -> None:
    """Many rows take longer than one; nobody is told meanwhile that nothing looks at them."""
    send(world, GOOD)
    table = Draft.objects.values_list("table", flat=True)[0]
    long_ago = timezone.now() - timedelta(seconds=PATIENCE_SECONDS + 1)
    Draft.objects.update(created_at=long_ago)
    where = reverse("table", args=[table])
    assert "hx-trigger" not in world.client("operator").get(where).content.decode().split("<main")[1]
    Draft.objects.filter(pk=Draft.objects.earliest("pk").pk).update(checked_at=timezone.now(), findings=[])
    assert "1 is being looked at…" in world.client("operator").get(where).content.decode()


def test_passwords_are_those_of_all_runs(world: World, reachable: list[str]) -> None:
    send(world, GOOD, directory_manager="canary-manager")
    found_good()
    submit_table(world)
    plans = Plan.objects.filter(replica__hostname__in=NEW)
    given = PlanCredential.objects.filter(plan__in=plans, name="directory_manager")
    assert [keyring.unseal(one) for one in given] == ["canary-manager"] * 2


def test_passwords_of_one_realm_are_not_sent_to_another(world: World, reachable: list[str]) -> None:
    other = w.realm_of("OTHER.EXAMPLE", "native")
    content = GOOD.replace("two.example.com;ipaserver.example.com", f"two.example.com;{other.hostname}")
    assert "2 requests from a table" in send(world, content)
    Draft.objects.all().delete()
    page = send(world, content, admin="canary-admin")
    assert "there are masters of EXAMPLE.COM, OTHER.EXAMPLE: make a table for each" in page
    assert "canary-admin" not in page
    assert not Draft.objects.exists()


@pytest.mark.parametrize("wrong", [False, True])
def test_hundreds_of_rows_ask_the_database_no_more_than_a_few(
    world: World, reachable: list[str], wrong: bool, django_assert_max_num_queries: Any
) -> None:
    line = "host{0}.example.com,ipaserver.example.com,203.0.113.{0},{1}\n"
    rows = [line.format(number, "maybe" if wrong else "") for number in range(1, bulk.MOST_ROWS + 1)]
    rows.append("verified.example.com,ipaserver.example.com,192.0.2.250,\n")
    with django_assert_max_num_queries(MOST - 3):  # the page's own
        found = cells(world, "hostname,master,ssh_address,setup_dns\n" + "".join(rows[1:]))
    assert len(found) == (bulk.MOST_ROWS if wrong else 1)


def test_addresses_that_no_host_has_are_named_and_accounts_with_dots_are_taken(
    world: World, reachable: list[str]
) -> None:
    addresses = ("127.0.0.1", "::1", "0.0.0.0", "224.0.0.5", "fe80::1%eth0", "255.255.255.255")  # noqa: S104 - refused
    rows = [f"host{n}.example.com,ipaserver.example.com,{one},svc.portal\n" for n, one in enumerate(addresses)]
    found = cells(world, "hostname,master,ssh_address,ssh_user\n" + "".join(rows))
    assert [(line, column) for line, column, _ in found] == [(n + 2, "ssh_address") for n in range(len(addresses))]
    assert "127.0.0.1 is a loopback address" in str(found[0])


def test_every_wrong_cell_is_named_and_nothing_is_created(world: World, reachable: list[str]) -> None:
    number = Replica.objects.count()
    content = (
        "hostname,master,ssh_address,setup_dns,forwarders\n"
        "Bad_Name.example.com,ipaserver.example.com,192.0.2.31,,\n"
        "two.example.com,nobody.example.com,192.0.2.300,maybe,\n"
        "three.example.com,ipaserver.example.com,192.0.2.33,yes,\n"
        "four.example.com,ipaserver.example.com,192.0.2.34,,,extra\n"
        "three.example.com,ipaserver.example.com,192.0.2.35,,\n"
        "verified.example.com,ipaserver.example.com,192.0.2.36,,\n"
    )
    found = [(line, column) for line, column, _ in cells(world, content)]
    assert found == [
        (2, "hostname"),
        (3, "master"),
        (3, "setup_dns"),
        (3, "ssh_address"),
        (4, "forwarders"),
        (5, "column 6"),
        (6, "hostname"),
        (7, "hostname"),
    ]
    page = send(world, content)
    for words in (
        "Did you mean bad-name.example.com?",
        "There is no registered master of that name.",
        "Write yes or no.",
        "DNS needs forwarders",
        "The row has more cells than there are columns.",
        "The same host is in line 4.",
        "There is a request or a replica for verified.example.com already.",
    ):
        assert words in page, words
    assert Replica.objects.count() == number


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hostname,master\n", "ssh_address"),
        ("hostname,master,ssh_address\n", "no row below"),
        ("hostname,master,ssh_address,colour\nx,y,z,red\n", "There is no such column"),
        ("hostname,master,ssh_address,master\nx,y,z,y\n", "more than once"),
        ('hostname,master,ssh_address\n"x,y,z\n', "This is not a table"),
        ("hostname,master,ssh_address\n" + "x,y,z\n" * 201, "201 rows; 200 go at a time"),
    ],
)
def test_what_is_no_such_table_says_so(world: World, content: str, words: str) -> None:
    found = cells(world, content)
    assert any(words in f"{column} {problem}" for _, column, problem in found), found


def test_every_host_that_cannot_be_reached_or_has_another_key_is_named(world: World, reachable: list[str]) -> None:
    reachable += ["192.0.2.31", "192.0.2.33"]
    w.key_of("two.example.com")
    page = send(world, GOOD + "three.example.com;ipaserver.example.com;192.0.2.33;no;;\n")
    assert "Nothing was requested." in page
    assert "192.0.2.31 does not answer on port 22." in page
    assert f"two.example.com presents the key {ssh.fingerprint(host_key('192.0.2.32'))}" in page
    assert "192.0.2.33 does not answer on port 22." in page
    assert not Draft.objects.exists()


def test_whoever_comes_second_stops_all(world: World, reachable: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look and the end, somebody asks for both hosts: each of them is named."""
    send(world, GOOD)
    found_good()
    keys = tables._keys

    def meanwhile(rows: Sequence[tables.Row]) -> list[str]:
        for row in rows:
            w.request(world.master, row.replica.hostname, world.people["both"], ReplicaState.REQUESTED)
            key = host_key(row.replica.ssh_address)
            HostKey.objects.filter(hostname=row.replica.hostname).update(key=key, fingerprint=ssh.fingerprint(key))
        return keys(rows)

    monkeypatch.setattr(tables, "_keys", meanwhile)
    page = submit_table(world)
    for name in NEW:
        assert f"There is a request or a replica for {name} already." in page
    assert not Plan.objects.filter(replica__hostname__in=NEW).exists()
    assert Draft.objects.count() == 2


def test_the_example_is_a_table_that_is_understood(world: World) -> None:
    answer = world.client("operator").get(reverse("replica_bulk_example"))
    assert answer["Content-Type"].startswith("text/csv")
    assert next(csv.reader(io.StringIO(answer.content.decode()))) == list(COLUMNS)
    assert cells(world, answer.content.decode()) == []


def test_a_request_like_another_one_takes_its_options_and_not_its_host(world: World) -> None:
    like = world.verified
    Replica.objects.filter(pk=like.pk).update(
        setup_dns=True, forwarders=["192.0.2.53"], ip_addresses=["192.0.2.40"], ssh_user="deploy",
        leftovers_reason="The machine before it burnt down.",
    )  # fmt: skip
    client = world.client("operator")
    address = f"{reverse('replica_request')}?like={like.pk}"
    assert address in client.get(reverse("replica", args=[like.pk])).content.decode()
    form = client.get(address).context["form"]
    assert (form["setup_dns"].value(), form["forwarders"].value()) == (True, "192.0.2.53")
    assert (form["ssh_user"].value(), form["master"].value()) == ("deploy", like.master_id)
    assert not form["hostname"].value()
    assert not form["ip_addresses"].value()
    assert "burnt down" not in str(form.initial)
    assert client.get(f"{reverse('replica_request')}?like=nothing").status_code == 200
