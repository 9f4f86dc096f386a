"""Requests in bulk: a table is right as a whole, or nothing of it happens."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse

from replicas.actions import host_keys, submit, submit_all
from replicas.choices import ReplicaState
from replicas.errors import HostUnreachable
from replicas.forms import bulk
from replicas.models import AuditEvent, Plan, Replica
from replicas.permissions import Actor
from tests.replicas.views.conftest import World

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmJmY0DLiXG6U4tOCTWxwhXAsGM5uHfc6BLgSj4DPR0"
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
        return KEY

    monkeypatch.setattr(host_keys, "fetch", fetch)
    return silent


def send(world: World, content: str, **more: str) -> str:
    answer = world.client("operator").post(reverse("replica_bulk"), {"content": content, **more}, follow=True)
    return answer.content.decode()


def cells(world: World, content: str) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.column, one.problem) for one in bulk.read(content, world.people["operator"]).wrong]


def test_a_table_is_shown_and_then_submitted(world: World, reachable: list[str]) -> None:
    number = Replica.objects.count()
    page = send(world, GOOD)
    assert "2 requests, as they were understood" in page
    assert Replica.objects.count() == number
    page = send(world, GOOD, confirmed="yes")
    assert "2 requests are submitted." in page
    one = Replica.objects.get(hostname="one.example.com")
    assert one.forwarders == ["192.0.2.53", "192.0.2.54"]
    assert one.ip_addresses == ["192.0.2.31", "2001:db8::31"]
    assert (one.setup_dns, one.ssh_user, one.ssh_port, one.forward_policy) == (True, "root", 22, "first")
    assert one.requested_by == world.people["operator"]
    two = Replica.objects.get(hostname="two.example.com")
    assert (two.setup_dns, two.state) == (False, ReplicaState.REQUESTED)
    assert Plan.objects.filter(replica__in=[one, two]).count() == 2
    assert AuditEvent.objects.filter(verb="plan:submit", actor="operator").count() == 3  # one was there before


def test_what_is_asked_for_in_bulk_is_checked_too(
    world: World, reachable: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []
    monkeypatch.setattr(submit_all, "check_plan", checked.append)
    monkeypatch.setattr(transaction, "on_commit", lambda work: work())
    send(world, GOOD, confirmed="yes")
    assert checked == sorted(Plan.objects.filter(replica__hostname__in=NEW).values_list("pk", flat=True))


def test_a_file_is_read_as_spreadsheets_save_it(world: World) -> None:
    upload = SimpleUploadedFile("replicas.csv", b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    page = world.client("operator").post(reverse("replica_bulk"), {"file": upload}).content.decode()
    assert "2 requests, as they were understood" in page
    upload = SimpleUploadedFile("replicas.csv", "hostname;naïve".encode("latin-1"))
    page = world.client("operator").post(reverse("replica_bulk"), {"file": upload}).content.decode()
    assert "not in UTF-8" in page


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
        (5, ""),
        (6, "hostname"),
        (7, "hostname"),
    ]
    page = send(world, content, confirmed="yes")
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


def test_one_silent_host_stops_all(world: World, reachable: list[str]) -> None:
    number = Replica.objects.count()
    reachable.append("192.0.2.32")
    page = send(world, GOOD, confirmed="yes")
    assert "Nothing was requested." in page
    assert "192.0.2.32 does not answer on port 22." in page
    assert Replica.objects.count() == number


def test_whoever_comes_second_stops_all(world: World, reachable: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check and the end, somebody asks for the second host."""
    store = submit.store

    def meanwhile(actor: Actor, replica: Replica, key: str) -> Plan:
        if replica.hostname == "two.example.com":
            Replica.objects.filter(hostname="failed.example.com").update(hostname=replica.hostname)
        return store(actor, replica, key)

    monkeypatch.setattr(submit, "store", meanwhile)
    page = send(world, GOOD, confirmed="yes")
    assert "There is a request or a replica for two.example.com already." in page
    assert not Replica.objects.filter(hostname="one.example.com").exists()


def test_the_example_is_a_table_that_is_understood(world: World) -> None:
    answer = world.client("operator").get(reverse("replica_bulk_example"))
    assert answer["Content-Type"].startswith("text/csv")
    assert next(csv.reader(io.StringIO(answer.content.decode()))) == list(bulk.COLUMNS)
    assert cells(world, answer.content.decode()) == []


def test_a_request_like_another_one_takes_its_options_and_not_its_host(world: World) -> None:
    like = world.verified
    Replica.objects.filter(pk=like.pk).update(
        setup_dns=True, forwarders=["192.0.2.53"], ip_addresses=["192.0.2.40"], ssh_user="deploy"
    )
    client = world.client("operator")
    address = f"{reverse('replica_request')}?like={like.pk}"
    assert address in client.get(reverse("replica", args=[like.pk])).content.decode()
    form = client.get(address).context["form"]
    assert (form["setup_dns"].value(), form["forwarders"].value()) == (True, "192.0.2.53")
    assert (form["ssh_user"].value(), form["master"].value()) == ("deploy", like.master_id)
    assert not form["hostname"].value()
    assert not form["ip_addresses"].value()
    assert client.get(f"{reverse('replica_request')}?like=nothing").status_code == 200
