"""A failed run shows its symptom, what that usually means, and the buttons that help, to those who may press them."""

from __future__ import annotations

import asyncio
import re

import pytest
from django.urls import reverse

from replicas.choices import PlanAction, PlanState, RunState
from replicas.clients.dns import Absent, NameServer
from replicas.clients.ssh import Host
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.lifecycle.job import Endpoint
from replicas.lifecycle.reading import ReadingContext
from replicas.lifecycle.steps import verify_dns
from replicas.lifecycle.steps.zones import Placed, Zone
from replicas.models import Run
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World


def failed(world: World, error: str, remedy: str = "") -> str:
    Run.objects.filter(pk=world.failed.pk).update(error=error, remedy=remedy)
    return reverse("run", args=[world.failed.pk])


def shown(world: World, who: str, where: str) -> str:
    """The box of the failure."""
    page = world.client(who).get(where).content.decode()
    box = re.search(r'<section class="panel trouble.*?</section>', page, re.DOTALL)
    assert box
    return box[0]


@pytest.mark.parametrize("page", ["run", "replica"])
def test_cause_meaning_and_remedy(world: World, page: str) -> None:
    failed(world, "Port check failed! Inaccessible port(s): 88 (UDP).", "Open UDP 88.")
    where = reverse(page, args=[world.failed.pk if page == "run" else world.failed.plan.replica.pk])
    box = shown(world, "operator", where)
    for words in ("Port check failed!", "UDP is often forgotten", "Open UDP 88.", "Retry from this step"):
        assert words in box
    assert "Undo" not in box
    page_ = world.client("operator").get(where).content.decode()
    assert page_.count("id_undo_") > 0, "what does not help stays among the other actions"
    assert page_.count('id="id_retry_') == box.count('id="id_retry_'), "no button is there twice"


def test_only_those_who_may_get_the_button(world: World) -> None:
    where = failed(world, "The SSH host key of failed.example.com is not the pinned one: pinned a, presented b.")
    assert "host-key/" in shown(world, "administrator", where) or "host-key/" in shown(world, "root", where)
    operators = shown(world, "operator", where)
    assert "host-key/" not in operators
    assert "Undo" in operators
    viewers = shown(world, "viewer", where)
    assert "reinstalled" in viewers
    assert "<form" not in viewers


def test_an_error_that_nobody_knows(world: World) -> None:
    box = shown(world, "operator", failed(world, "Something new.", "Look."))
    assert "usually means" not in box
    assert "Retry from this step" in box


def test_a_cancelled_run_is_not_explained(world: World) -> None:
    where = failed(world, "Stopped by port check failed.")
    Run.objects.filter(pk=world.failed.pk).update(state=RunState.CANCELLED)
    assert "usually means" not in shown(world, "operator", where)


def test_records_that_a_run_could_not_add_can_be_added_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun from the page of the realm's records, when the installation had found all of them."""
    Run.objects.filter(plan__replica=world.verified).update(facts={"missing_records": []})
    plan = w.plan_of(world.verified, PlanState.APPROVED, PlanAction.RECORDS)
    record = Record("_ldap._tcp.example.com.", "SRV", "0 100 389 verified.example.com.")
    absent = [Absent(NameServer("ns.example.com.", ("192.0.2.53",)), record)]
    ctx = ReadingContext(plan.frozen_job(), {}, nobody)
    step = verify_dns.VerifyRecords((record,), strict=True)
    with pytest.raises(DnsError) as failure:
        asyncio.run(verified(step, ctx, absent, monkeypatch))
    run = w.run_of(plan, RunState.FAILED, 3, error=str(failure.value), facts=dict(ctx.facts))
    box = shown(world, "operator", reverse("run", args=[run.pk]))
    add, retry = (reverse("replica_act", args=[world.verified.pk, name]) for name in ("records", "retry"))
    assert box.index(f'action="{add}"') < box.index(f'action="{retry}"')

    assert not asyncio.run(step.done(ctx)), "a retry looks again"
    asyncio.run(verified(step, ctx, [], monkeypatch))
    assert asyncio.run(step.done(ctx))
    assert ctx.facts["missing_records"] == []


async def verified(
    step: verify_dns.VerifyRecords, ctx: ReadingContext, absent: list[Absent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step, where the name servers lack these records."""
    zone = Zone("example.com.", "192.0.2.53", (NameServer("ns.example.com.", ("192.0.2.53",)),))

    async def place(address: str, records: tuple[Record, ...]) -> tuple[Placed, ...]:
        return tuple(Placed(record, zone) for record in records)

    async def settled(placed: object) -> list[Absent]:
        return absent

    async def served(server: NameServer, record: Record) -> Absent | None:
        return next((one for one in absent if one.record == record), None)

    async def answer(*asked: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(verify_dns, "place", place)
    monkeypatch.setattr(verify_dns, "_settled", settled)
    monkeypatch.setattr(verify_dns, "answer", answer)
    monkeypatch.setattr("replicas.lifecycle.steps.verify_dns.dns.served", served)
    await step.run(ctx)


async def nobody(endpoint: Endpoint) -> Host:
    raise AssertionError(endpoint)
