"""Where bundles are looked for, and what is said of a host that is not reached."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from replicas.choices import PlanState, ReplicaState, RunState
from replicas.errors import HostUnreachable
from replicas.lifecycle import lying
from replicas.lifecycle.job import Endpoint
from replicas.models import Bundle, Master
from tests.replicas.views import world as w

PATH = "/var/lib/ipa/replica-info-{}.gpg"


@pytest.fixture
def master(db: None) -> Master:
    return w.realm_with_master()


def bundle(master: Master, name: str, state: ReplicaState, **fields: Any) -> None:
    operator = User.objects.get_or_create(username="operator")[0]
    replica = w.request(master, f"{name}.example.com", operator, state)
    made = w.bundle_of(w.run_of(w.plan_of(replica, PlanState.APPROVED), RunState.SUCCEEDED, 10))
    Bundle.objects.filter(pk=made.pk).update(**fields)


class Hosts:
    """Hosts by name, each with its files; what is not here is not reached."""

    def __init__(self, **files: list[str]) -> None:
        self.files = {f"{name}.example.com": listed for name, listed in files.items()}
        self.closed: list[str] = []

    async def connect(self, endpoint: Endpoint) -> Any:
        if endpoint.hostname not in self.files:
            raise HostUnreachable(f"{endpoint.hostname} does not answer.", "Is it up?")
        text = "\0".join(self.files[endpoint.hostname])

        async def run(*argv: str, check: bool = True) -> SimpleNamespace:
            assert argv[1:-1] == lying.BUNDLES
            return SimpleNamespace(stdout=text.encode())

        async def close() -> None:
            self.closed.append(endpoint.hostname)

        return SimpleNamespace(run=run, close=close)


def test_masters_and_replicas_whose_bundle_was_not_removed(master: Master) -> None:
    bundle(master, "kept", ReplicaState.VERIFIED)
    bundle(master, "stopped", ReplicaState.FAILED)
    bundle(master, "tidy", ReplicaState.VERIFIED, removed_at=timezone.now())
    bundle(master, "busy", ReplicaState.RUNNING)
    bundle(w.realm_of("OTHER.EXAMPLE", "native"), "other", ReplicaState.FAILED)
    places = lying.places(master.realm)
    assert [place.host.hostname.partition(".")[0] for place in places] == ["ipaserver", "kept", "stopped"]

    hosts = Hosts(ipaserver=[PATH.format("old")], kept=[PATH.format("kept"), PATH.format("more")])
    assert asyncio.run(lying.bundles(places, hosts.connect)) == (
        f"ipaserver.example.com: {PATH.format('old')}",
        f"kept.example.com: {PATH.format('kept')}",
        f"kept.example.com: {PATH.format('more')}",
        f"stopped.example.com: {PATH.format('stopped.example.com')} "
        "(as the portal knows; stopped.example.com does not answer.)",
    )
    assert sorted(hosts.closed) == ["ipaserver.example.com", "kept.example.com"]


def test_of_a_master_that_is_not_reached_nothing_is_known(master: Master) -> None:
    assert asyncio.run(lying.bundles(lying.places(master.realm), Hosts().connect)) == ()


def test_a_host_that_is_both_is_asked_once(master: Master) -> None:
    bundle(master, "kept", ReplicaState.VERIFIED)
    Master.objects.create(
        hostname="kept.example.com", ssh_address="192.0.2.21", host_key=w.key_of("kept.example.com"),
        realm=master.realm, ca=True,
    )  # fmt: skip
    assert [place.host.hostname for place in lying.places(master.realm)] == [
        "ipaserver.example.com",
        "kept.example.com",
    ]
