"""No host that the portal knows becomes another replica: by its addresses in any notation, and by its host key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from replicas.actions import host_keys, resubmit, submit
from replicas.actions.retry import retry
from replicas.actions.undo import remove, undo
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.clients import ssh
from replicas.errors import Conflict
from replicas.lifecycle.known_servers import KnownServers, canonical, require_own_host
from replicas.models import HostKey, Master, Plan, RealmLook, Replica, Run
from tests.replicas.identity import address_of, host_key
from tests.replicas.services.conftest import KEY, Cast, approve

MASTER = "192.0.2.10"
OTHER, OTHER_KEY = "ipareplica7.example.com", host_key("ipareplica7.example.com")
Wanted = Callable[..., Replica]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.10", MASTER),
        ("::ffff:192.0.2.10", MASTER),
        ("::FFFF:c000:20a", MASTER),
        ("0:0:0:0:0:ffff:c000:020a", MASTER),
        ("64:ff9b::c000:20a", MASTER),
        ("[2001:DB8:0:0::10]", "2001:db8::10"),
        ("2001:0db8:0000:0000:0000:0000:0000:0010", "2001:db8::10"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_notation_to_be_compared_in(written: str, meant: str) -> None:
    assert canonical(written) == meant


def refused(replica: Replica, field: str, *words: str) -> None:
    with pytest.raises(ValidationError) as error:
        submit.check(replica)
    told = " ".join(error.value.message_dict[field])
    for word in words:
        assert word in told


@pytest.mark.parametrize("address", ["::ffff:192.0.2.10", "0:0:0:0:0:ffff:c000:020a", "64:ff9b::c000:020a"])
def test_an_ipv4_address_in_the_form_of_ipv6_is_refused(wanted: Wanted, address: str) -> None:
    refused(wanted(OTHER, ssh_address=address), "ssh_address")


def test_the_address_of_another_realms_master(plan: Plan, wanted: Wanted) -> None:
    Master.objects.update(hostname="ipaserver.other.example")
    mine = Master.objects.create(
        hostname="ipaserver.example.com", ssh_address="192.0.2.99", realm=Master.objects.get().realm, ca=True,
        host_key=HostKey.objects.get(hostname="ipaserver.example.com"),
    )  # fmt: skip
    refused(wanted(OTHER, ssh_address=MASTER, master=mine), "ssh_address", "ipaserver.other.example", "a master of")


ALIVE = [state for state in ReplicaState if state not in ("rejected", "cancelled", "removed")]


@pytest.mark.parametrize("state", ReplicaState)
def test_the_address_of_a_replica_in_any_state_in_which_it_may_serve(plan: Plan, wanted: Wanted, state: str) -> None:
    Replica.objects.update(state=state, ip_addresses=["192.0.2.11", "2001:db8::11"])
    for changes, field in (
        ({"ssh_address": "192.0.2.11"}, "ssh_address"),
        ({"ssh_address": "2001:db8:0:0:0:0:0:11", "ssh_port": 2222}, "ssh_address"),
        ({"ip_addresses": ["2001:db8:0::11"]}, "ip_addresses"),
        ({"ip_addresses": ["192.0.2.11"]}, "ip_addresses"),
    ):
        other = wanted(OTHER, **changes)
        if state in ALIVE:
            refused(other, field, "ipareplica.example.com", "a separate host")
        else:
            submit.check(other)


def test_the_address_of_a_server_that_only_a_health_check_saw(plan: Plan, wanted: Wanted) -> None:
    rows = [
        {"host": "ipaserver3.example.com", "record": "ipa-ca.example.com. 3600 IN A 192.0.2.33"},
        {"host": "ipaserver3.example.com", "record": "ipa-ca.example.com. 3600 IN AAAA 2001:db8::33"},
        {"host": "ipaserver3.example.com", "record": "_ldap._tcp.example.com. 3600 IN SRV 0 100 389 x.example.com."},
        {"host": OTHER, "record": f"{OTHER}. 3600 IN A 192.0.2.77"},
    ]
    RealmLook.objects.create(realm=Master.objects.get().realm, dns=rows)
    for address in ("192.0.2.33", "2001:db8::0033"):
        refused(wanted(OTHER, ssh_address=address), "ssh_address", "ipaserver3.example.com", "a server of EXAMPLE.COM")
    submit.check(wanted(OTHER, ssh_address="192.0.2.77"))


def test_another_port_of_one_address_is_another_host_if_its_key_is_another(
    cast: Cast, plan: Plan, wanted: Wanted
) -> None:
    """Behind one forwarding address there may be several hosts."""
    behind = wanted(OTHER, ssh_address="192.0.2.11", ssh_port=2222)
    with pytest.raises(Conflict, match="SSH host key of ipareplica.example.com"):
        submit.store(cast.operator, behind, KEY)
    assert submit.store(cast.operator, behind, OTHER_KEY).state == PlanState.WAITING


def test_a_clone_is_refused_with_words_that_explain_it(cast: Cast, plan: Plan, wanted: Wanted) -> None:
    with pytest.raises(Conflict) as error:
        submit.store(cast.operator, wanted(OTHER), KEY)
    assert "presents the SSH host key of ipareplica.example.com (an open request)" in error.value.message
    assert ssh.fingerprint(KEY) in error.value.message
    assert "clones of one image" in error.value.remedy
    assert not Replica.objects.filter(hostname=OTHER).exists()


@pytest.mark.parametrize("state", [ReplicaState.REMOVED, ReplicaState.CANCELLED, ReplicaState.REJECTED])
def test_a_host_that_was_freed_may_have_another_name(cast: Cast, plan: Plan, wanted: Wanted, state: str) -> None:
    Plan.objects.update(state=PlanState.REJECTED)
    Replica.objects.update(state=state)
    assert submit.store(cast.operator, wanted(OTHER, ssh_address="192.0.2.11"), KEY)


def test_an_ended_request_whose_address_was_taken_is_not_made_again(cast: Cast, plan: Plan, wanted: Wanted) -> None:
    Plan.objects.update(state=PlanState.REJECTED)
    Replica.objects.update(state=ReplicaState.REJECTED)
    ended = plan.replica
    ended.refresh_from_db()
    submit.store(cast.operator, wanted(OTHER, ssh_address="192.0.2.11"), KEY)
    with pytest.raises(ValidationError, match="belongs to ipareplica7.example.com"):
        resubmit.check(ended)


def clash(replica: Replica, *, key: bool, state: ReplicaState = ReplicaState.VERIFIED) -> Replica:
    """Another server that has come to have its address or its key, as a portal before this one let it."""
    mine = replica.host_key
    pair = (mine.key, mine.fingerprint) if key else ("other", "SHA256:other")
    theirs = HostKey.objects.create(hostname="live.example.com", key=pair[0], fingerprint=pair[1])
    return Replica.objects.create(
        hostname="live.example.com", ssh_address=address_of("live.example.com") if key else replica.ssh_address,
        host_key=theirs, master=replica.master, requested_by=replica.requested_by, state=state,
    )  # fmt: skip


@pytest.mark.parametrize("key", [True, False])
def test_neither_an_approval_nor_a_retry_goes_on(cast: Cast, plan: Plan, key: bool) -> None:
    live = clash(plan.replica, key=key)
    with pytest.raises(Conflict, match=r"live\.example\.com"):
        approve(cast.approver, plan, plan.digest, "fine")
    live.delete()
    run = approve(cast.approver, plan, plan.digest, "fine")
    Run.objects.update(state=RunState.FAILED)
    Replica.objects.update(state=ReplicaState.FAILED)
    run.refresh_from_db()
    HostKey.objects.filter(hostname="live.example.com").delete()
    clash(plan.replica, key=key)
    with pytest.raises(Conflict, match=r"live\.example\.com"):
        retry(cast.operator, run)


@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize("verified", [True, False])
def test_nothing_is_removed_from_a_host_that_is_another_server_by_now(
    cast: Cast, plan: Plan, key: bool, verified: bool
) -> None:
    """Unless the host's part is skipped."""
    run = approve(cast.approver, plan, plan.digest, "fine")
    Run.objects.update(state=RunState.SUCCEEDED, facts={"replica_claimed": True}, started_at="2026-01-01T00:00Z")
    Replica.objects.update(state=ReplicaState.VERIFIED if verified else ReplicaState.FAILED)
    replica = Replica.objects.get()
    clash(replica, key=key)
    ask: Any = remove if verified else undo
    wiping = ask(cast.operator, replica, "no longer needed")
    with pytest.raises(Conflict) as error:
        approve(cast.approver, wiping, wiping.digest, "fine")
    assert "live.example.com" in error.value.message
    assert "state that the host is gone" in error.value.remedy
    with pytest.raises(Conflict):  # as the worker does before the first step
        require_own_host(wiping, {"replica_claimed": True})
    Plan.objects.filter(pk=wiping.pk).update(state=PlanState.CANCELLED)
    spared = ask(cast.operator, replica, "no longer needed", "its host was given away")
    assert approve(cast.approver, spared, spared.digest, "fine").state == RunState.QUEUED
    assert run.pk


def test_the_rows_of_a_table_are_compared_with_each_other(wanted: Wanted) -> None:
    known = KnownServers.read()
    known.add(wanted("first.example.com", ssh_address="192.0.2.50"))
    second = wanted("second.example.com", ssh_address="::ffff:192.0.2.50")
    found = known.conflict(second)
    assert found is not None
    assert (found[0], found[2].hostname) == ("ssh_address", "first.example.com")


def test_an_administrator_does_not_accept_the_key_of_another_server(cast: Cast, plan: Plan) -> None:
    other = HostKey.objects.create(hostname="live.example.com", key=OTHER_KEY, fingerprint=ssh.fingerprint(OTHER_KEY))
    Master.objects.create(
        hostname="live.example.com", ssh_address="192.0.2.88", host_key=other, realm=plan.replica.master.realm, ca=True
    )
    with pytest.raises(Conflict, match="SSH host key of live.example.com"):
        host_keys.accept(
            cast.administrator, plan.replica.host_key, OTHER_KEY, ssh.fingerprint(OTHER_KEY), "reinstalled"
        )
