"""A cast with one user a role, a realm, and requests that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.signals import pre_save
from pytest_django import Settings

from replicas.actions import approve as approving
from replicas.actions import plans, submit
from replicas.choices import Comparison, Role
from replicas.models import Bypass, HostKey, Master, Plan, Realm, Replica, Run
from replicas.permissions import Actor
from tests.replicas.identity import address_of
from tests.replicas.lifecycle.twin import Registry

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmJmY0DLiXG6U4tOCTWxwhXAsGM5uHfc6BLgSj4DPR0"


def approve(actor: Actor, plan: Plan, digest: str, reason: str) -> Run:
    """The approval that a plan needs, in a realm without a policy: its run is queued."""
    run = approving.approve(actor, plan, digest, reason)
    assert run is not None
    return run


@dataclass(frozen=True)
class Cast:
    """One person a role, one without, and one superuser."""

    viewer: Actor
    operator: Actor
    approver: Actor
    administrator: Actor
    outsider: Actor
    root: Actor


def person(name: str, *roles: str, superuser: bool = False) -> Actor:
    user = User.objects.create_user(name, is_superuser=superuser)
    user.groups.set(Group.objects.filter(name__in=roles))
    return Actor(user, "192.0.2.77")


@pytest.fixture
def compared() -> Iterator[None]:
    """Every pinned key counts as compared, as it does for each request that comes from a page."""

    def compare(instance: HostKey, **rest: object) -> None:
        instance.compared = instance.compared or Comparison.TYPED

    pre_save.connect(compare, sender=HostKey)
    yield
    pre_save.disconnect(compare, sender=HostKey)


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast(
        viewer=person("viewer", Role.VIEWER),
        operator=person("operator", Role.OPERATOR),
        approver=person("approver", Role.APPROVER),
        administrator=person("administrator", Role.ADMINISTRATOR),
        outsider=person("outsider"),
        root=person("root", superuser=True),
    )


@pytest.fixture
def master(db: None) -> Master:
    realm = Realm.objects.create(
        name="EXAMPLE.COM",
        domain="example.com",
        suffix="dc=example,dc=com",
        backend="twin",
        dns=True,
        ca_certificate="PEM",
    )
    key = HostKey.objects.create(
        hostname="ipaserver.example.com", key=KEY, fingerprint="SHA256:x", accepted_by="administrator"
    )
    return Master.objects.create(
        realm=realm, hostname="ipaserver.example.com", ssh_address="192.0.2.10", host_key=key, ca=True
    )


@pytest.fixture
def wanted(master: Master, compared: None) -> Callable[..., Replica]:
    """An unsaved request, with options."""

    def make(hostname: str = "ipareplica.example.com", **options: Any) -> Replica:
        return Replica(**{"hostname": hostname, "master": master, "ssh_address": address_of(hostname), **options})

    return make


@pytest.fixture
def plan(cast: Cast, wanted: Callable[..., Replica], twin: None) -> Plan:
    """The operator's request, waiting."""
    return submit.store(cast.operator, wanted(), KEY)


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Plans come from the in-memory twin: what steps do is none of the services' business."""
    monkeypatch.setattr(plans, "registry", Registry())


def bypass(cast: Cast, run: Run) -> Bypass:
    """As if the administrator had run it without approval."""
    by, requester = cast.administrator.user, cast.operator.user
    assert by is not None
    assert requester is not None
    return Bypass.objects.create(run=run, by=by, requester=requester, reason="it burns")
