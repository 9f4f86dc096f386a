"""Bundles that expire and are revoked, on real hosts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django import Settings

from lab import Host, Lab
from replicas.actions.revoke_bundle import revoke_bundle
from replicas.choices import BundleState, ReplicaState, Role, RunState
from replicas.errors import Conflict, NotAllowed
from replicas.lifecycle import bundles
from replicas.lifecycle.steps import sealed
from replicas.models import AuditEvent, Bundle, Replica, Run
from replicas.permissions import Actor
from tests.hosts.conftest import Portal
from tests.hosts.test_failures import BUNDLE, REPLICA, blocked, full

pytestmark = pytest.mark.hosts
CRL = "/var/www/ipa/ipa/crl/MasterCRL.pem"


def revoked(master: Host, bundle: Bundle) -> bool:
    shown = master.run(["openssl", "crl", "-in", CRL, "-noout", "-text"]).stdout.decode().split()
    return all(serial in shown for serial in bundle.certificates.values())


def there(hosts: Lab) -> list[bool]:
    return [
        host.run(["test", "-e", BUNDLE], check=False).returncode == 0 for host in (hosts.master, hosts.host(REPLICA))
    ]


def stopped_before_it_was_opened(portal: Portal, hosts: Lab) -> Run:
    portal.register()
    run = portal.approve(portal.ask(ip_addresses=[str(hosts.host(REPLICA).address)]))
    with blocked(hosts.master, 389, "tcp"):
        run = portal.work(run)
    assert run.state == RunState.FAILED
    assert Bundle.objects.get().state == BundleState.SEALED
    assert there(hosts) == [True, True]
    return run


def test_an_expired_and_then_a_revoked_bundle_are_replaced_by_a_new_one(portal: Portal, hosts: Lab) -> None:
    master = hosts.master
    run = stopped_before_it_was_opened(portal, hosts)
    now = timezone.now()
    Bundle.objects.update(expires_at=now)
    Run.objects.update(facts={**run.facts, sealed.EXPIRES: now.isoformat()})
    assert bundles.expire() == 1
    expired = Bundle.objects.get()
    assert expired.state == BundleState.EXPIRED
    assert AuditEvent.objects.filter(verb="bundle:expire").count() == 1
    assert not revoked(master, expired)

    with blocked(master, 389, "tcp"):
        run = portal.retry(Run.objects.get())
    expired.refresh_from_db()
    second = Bundle.objects.exclude(pk=expired.pk).get()
    assert (expired.state, second.state) == (BundleState.REVOKED, BundleState.SEALED)
    assert expired.removed_at
    assert revoked(master, expired)
    assert not revoked(master, second)

    with pytest.raises(NotAllowed):
        revoke_bundle(portal.approver, second, "not mine to do")
    with pytest.raises(Conflict, match="revoked already"):
        revoke_bundle(portal.operator, expired, "again")
    revocation = revoke_bundle(portal.operator, second, "Its password was seen")
    assert Bundle.objects.get(pk=second.pk).state == BundleState.REVOKED
    assert portal.work(revocation).state == RunState.SUCCEEDED, revocation.error
    second.refresh_from_db()
    assert second.removed_at
    assert there(hosts) == [False, False]
    assert revoked(master, second)

    run = portal.retry(Run.objects.get(pk=run.pk))
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    assert Replica.objects.get().state == ReplicaState.VERIFIED
    third = Bundle.objects.get(state=BundleState.USED)
    assert not revoked(master, third)
    assert there(hosts) == [False, False]
    with pytest.raises(Conflict, match="in service"):
        revoke_bundle(portal.operator, third, "why not")


def test_a_bundle_that_was_opened_is_revoked_in_two_attempts_and_another_one_is_kept(
    portal: Portal, hosts: Lab, settings: Settings
) -> None:
    settings.KEEP_BUNDLES = True
    replica = hosts.host(REPLICA)
    portal.register()
    with full(replica, "/etc/dirsrv"):  # where dscreate finds what it needs, after the bundle was opened
        run = portal.install(ip_addresses=[str(replica.address)])
    assert run.state == RunState.FAILED
    assert sealed.OPENED in run.facts
    first = Bundle.objects.get()

    stranger = User.objects.create_user("another-operator")
    stranger.groups.add(Group.objects.get(name=Role.OPERATOR))
    with pytest.raises(NotAllowed, match="another person's request"):
        revoke_bundle(Actor(stranger), first, "not mine")
    with blocked(replica, 22, "tcp"):
        revocation = portal.work(revoke_bundle(portal.administrator, first, "The host was opened by strangers"))
    assert revocation.state == RunState.FAILED
    assert REPLICA in revocation.error
    first.refresh_from_db()
    assert (first.state, first.removed_at) == (BundleState.REVOKED, None)
    assert portal.retry(revocation).state == RunState.SUCCEEDED
    first.refresh_from_db()
    assert first.removed_at
    assert there(hosts) == [False, False]
    assert revoked(hosts.master, first)

    run = portal.retry(Run.objects.get(pk=run.pk))
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    second = Bundle.objects.get(state=BundleState.USED)
    assert second.certificates.keys() == first.certificates.keys()
    assert not set(second.certificates.values()) & set(first.certificates.values())
    assert not revoked(hosts.master, second)
    assert there(hosts) == [True, True]
    assert second.removed_at is None
