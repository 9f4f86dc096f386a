"""What can be asked for of a verified replica of a FreeIPA realm, and what becomes of its row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from replicas import later_rules
from replicas.actions import later
from replicas.actions.approve import approve
from replicas.actions.give_passwords import missing_passwords
from replicas.actions.setup_dns import setup_dns
from replicas.actions.undo import remove
from replicas.backends import registry
from replicas.choices import PlanAction, PlanState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.forms.requests import ReplicaRequestForm
from replicas.lifecycle.job import digest
from replicas.lifecycle.lease import Lease
from replicas.lifecycle.outcome import Outcome, end
from replicas.lifecycle.plan import freeze, lasting, thaw
from replicas.models import AuditEvent, Credential, HostKey, Master, Plan, PlanCredential, RealmLook, Replica, Run
from tests.replicas.services.conftest import KEY, Cast

NAME, OTHER, THIRD = "ipareplica.example.com", "ipaserver.example.com", "third.example.com"
MANAGER = {"directory_manager": "manager-secret"}
LOOK: dict[str, Any] = {
    "servers": [
        {"name": OTHER, "roles": ["CA", "KRA"], "problem": "", "suffixes": ["ca", "domain"]},
        {"name": NAME, "roles": [], "problem": "", "suffixes": ["domain"]},
        {"name": THIRD, "roles": ["CA"], "problem": "", "suffixes": ["ca", "domain"]},
    ],
    "agreements": [
        {"supplier": one, "consumer": other, "lag": 0.0, "problem": "", "suffixes": suffixes}
        for first, second, suffixes in ((OTHER, NAME, ["domain"]), (OTHER, THIRD, ["ca", "domain"]))
        for one, other in ((first, second), (second, first))
    ],
    "certificates": [],
    "bundles": [],
    "suggested": [{"suffix": "domain", "one": NAME, "other": THIRD, "command": "ipa topologysegment-add …"}],
}


@pytest.fixture
def replica(cast: Cast, master: Master, settings: Settings, tmp_path: Path) -> Replica:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    master.realm.backend = "freeipa"
    master.realm.save()
    master.versions, master.offers = {"FreeIPA": "4.9.11"}, {"realm_has_ca": True, "realm_has_kra": True}
    master.save()
    assert cast.operator.user
    key = HostKey.objects.create(hostname=NAME, key=KEY, fingerprint="SHA256:y", accepted_by="administrator")
    return Replica.objects.create(
        hostname=NAME, master=master, ssh_address="192.0.2.11", host_key=key, requested_by=cast.operator.user,
        state=ReplicaState.VERIFIED, verified_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def looked(replica: Replica) -> Replica:
    RealmLook.objects.create(realm=replica.master.realm, at=timezone.now(), health=LOOK)
    return replica


Ask = Callable[[Cast, Replica], Plan]
ASK: dict[PlanAction, tuple[dict[str, Any], Ask]] = {
    PlanAction.CA: (
        {},
        lambda cast, replica: later.add_authority(
            cast.operator, replica, pki_config_override="/root/pki.ini", passwords=MANAGER
        ),
    ),
    PlanAction.KRA: (
        {"setup_ca": True},
        lambda cast, replica: later.add_recovery(cast.operator, replica, passwords=MANAGER),
    ),
    PlanAction.HIDE: ({}, lambda cast, replica: later.hide(cast.operator, replica)),
    PlanAction.UNHIDE: ({"hidden_replica": True}, lambda cast, replica: later.announce(cast.operator, replica)),
    PlanAction.REINITIALIZE: (
        {},
        lambda cast, replica: later.reinitialize(cast.operator, replica, suffix="domain", partner=OTHER),
    ),
    PlanAction.SEGMENT: (
        {},
        lambda cast, replica: later.add_agreement(cast.operator, replica, suffix="domain", partner=THIRD),
    ),
}
BECAME: dict[PlanAction, dict[str, Any]] = {
    PlanAction.CA: {"setup_ca": True, "pki_config_override": "/root/pki.ini"},
    PlanAction.KRA: {"setup_kra": True},
    PlanAction.HIDE: {"hidden_replica": True},
    PlanAction.UNHIDE: {"hidden_replica": False},
    PlanAction.REINITIALIZE: {},
    PlanAction.SEGMENT: {},
}


def asked(cast: Cast, replica: Replica, action: PlanAction) -> Plan:
    before, ask = ASK[action]
    Replica.objects.filter(pk=replica.pk).update(**before)
    return ask(cast, Replica.objects.get(pk=replica.pk))


@pytest.mark.parametrize("action", ASK)
def test_the_plan_is_frozen_and_the_row_follows_its_success(cast: Cast, looked: Replica, action: PlanAction) -> None:
    plan = asked(cast, looked, action)
    assert plan.action == action
    job, steps = thaw(plan, registry.get("freeipa"))
    assert steps[0].key == "check-ready"
    run = Run.objects.create(plan=plan, state=RunState.RUNNING, fence=1)
    before = Replica.objects.values().get()
    end(run, Lease(run.pk, 1, 0.0), Outcome(RunState.SUCCEEDED))
    assert Replica.objects.values().get() == before | BECAME[action]
    assert not PlanCredential.objects.exists()


@pytest.mark.parametrize("action", [PlanAction.CA, PlanAction.KRA])
def test_a_master_that_became_an_authority_can_have_it_copied(cast: Cast, looked: Replica, action: PlanAction) -> None:
    looked.master.hostname, looked.master.ca, looked.master.pk = NAME, False, None
    looked.master.save()
    run = Run.objects.create(plan=asked(cast, looked, action), state=RunState.RUNNING, fence=1)
    end(run, Lease(run.pk, 1, 0.0), Outcome(RunState.SUCCEEDED))
    assert Master.objects.get(hostname=NAME).ca == (action == PlanAction.CA)
    changes = AuditEvent.objects.filter(verb="master:change").values_list("after", flat=True)
    assert list(changes) == [{"ca": True}] * (action == PlanAction.CA)


@pytest.mark.parametrize("action", ASK)
def test_what_the_plan_brings_along_does_not_void_it(cast: Cast, looked: Replica, action: PlanAction) -> None:
    plan = asked(cast, looked, action)
    run = approve(cast.approver, plan, plan.digest, "wanted")
    assert run is not None
    plan.refresh_from_db()
    assert plan.state == PlanState.APPROVED


@pytest.mark.parametrize("action", ASK)
def test_a_request_that_changed_meanwhile_voids_it(cast: Cast, looked: Replica, action: PlanAction) -> None:
    plan = asked(cast, looked, action)
    Replica.objects.update(mkhomedir=True)
    with pytest.raises(Conflict, match="mkhomedir"):
        approve(cast.approver, Plan.objects.get(), plan.digest, "wanted")


@pytest.mark.parametrize("action", ASK)
def test_a_failed_run_changes_nothing_about_the_replica(cast: Cast, looked: Replica, action: PlanAction) -> None:
    plan = asked(cast, looked, action)
    run = Run.objects.create(plan=plan, state=RunState.RUNNING, fence=1)
    before = Replica.objects.values().get()
    end(run, Lease(run.pk, 1, 0.0), Outcome(RunState.FAILED, "no"))
    assert Replica.objects.values().get() == before
    assert before["state"] == ReplicaState.VERIFIED


@pytest.mark.parametrize("action", ASK)
@pytest.mark.parametrize("state", [ReplicaState.FAILED, ReplicaState.RUNNING, ReplicaState.REMOVED])
def test_only_a_verified_replica_changes(cast: Cast, looked: Replica, action: PlanAction, state: ReplicaState) -> None:
    Replica.objects.update(state=state)
    with pytest.raises(Conflict, match="is in another state"):
        asked(cast, looked, action)


@pytest.mark.parametrize("action", ASK)
def test_another_kind_of_realm_has_none_of_it(cast: Cast, looked: Replica, action: PlanAction) -> None:
    looked.master.realm.backend = "native"
    looked.master.realm.save()
    with pytest.raises(Conflict, match="Realms of this kind"):
        asked(cast, looked, action)


@pytest.mark.parametrize(
    ("action", "row", "offers", "why"),
    [
        (PlanAction.CA, {"setup_ca": True}, True, "has a certificate authority already"),
        (PlanAction.CA, {}, False, "none that could be copied"),
        (PlanAction.KRA, {"setup_ca": True, "setup_kra": True}, True, "has a key recovery authority already"),
        (PlanAction.KRA, {"setup_ca": False}, True, "needs a certificate authority"),
        (PlanAction.KRA, {"setup_ca": True}, False, "none that could be copied"),
        (PlanAction.HIDE, {"hidden_replica": True}, True, "hidden already"),
        (PlanAction.UNHIDE, {"hidden_replica": None}, True, "is not hidden"),
        (PlanAction.SEGMENT, {}, True, "No server is known"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cast: Cast, replica: Replica, action: PlanAction, row: dict[str, Any], offers: bool, why: str
) -> None:
    Master.objects.update(offers={"realm_has_ca": offers, "realm_has_kra": offers})
    Replica.objects.update(**row)
    now = Replica.objects.get()
    with pytest.raises(Conflict, match=why):
        ASK[action][1](cast, now)
    assert why in later_rules.hindrance(now, action)


def test_a_role_that_was_seen_since_the_registration_counts(looked: Replica) -> None:
    Master.objects.update(offers={})
    assert not later_rules.hindrance(looked, PlanAction.CA)


def test_agreements_are_those_that_were_seen_last(looked: Replica) -> None:
    assert later_rules.links(looked) == [("domain", OTHER)]
    assert later_rules.unlinked(looked) == [("domain", THIRD)]


def test_without_a_look_the_server_that_it_was_made_from_counts(replica: Replica) -> None:
    replica.setup_ca = True
    assert later_rules.links(replica) == [("ca", OTHER), ("domain", OTHER)]
    assert later_rules.unlinked(replica) == []


def test_a_look_of_an_older_portal_says_nothing_of_suffixes(replica: Replica) -> None:
    old = {
        kind: [{name: value for name, value in one.items() if name != "suffixes"} for one in LOOK[kind]]
        for kind in ("servers", "agreements")
    }
    RealmLook.objects.create(realm=replica.master.realm, at=timezone.now(), health=LOOK | old)
    assert later_rules.links(replica) == [("domain", OTHER)]
    assert later_rules.unlinked(replica) == []


@pytest.mark.parametrize(
    ("act", "link", "field"),
    [
        (later.reinitialize, ("domain", THIRD), "partner"),
        (later.reinitialize, ("ca", OTHER), "suffix"),
        (later.add_agreement, ("domain", OTHER), "partner"),
        (later.add_agreement, ("domain", NAME), "partner"),
        (later.add_agreement, ("ca", THIRD), "suffix"),
    ],
)
def test_an_agreement_that_there_cannot_be_is_refused(
    cast: Cast, looked: Replica, act: Any, link: tuple[str, str], field: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        act(cast.operator, looked, suffix=link[0], partner=link[1])
    assert set(caught.value.error_dict) == {field}


@pytest.mark.parametrize(
    ("options", "field", "why"),
    [
        ({"pki_config_override": "pki.ini"}, "pki_config_override", "is not a path"),
        ({"token_password_file": "/root/pin"}, "token_password_file", "release does not have"),
    ],
)
def test_options_follow_the_rules_of_a_request(
    cast: Cast, replica: Replica, options: dict[str, str], field: str, why: str
) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        later.add_authority(cast.operator, replica, **options, passwords=MANAGER)  # type: ignore[arg-type]
    assert set(caught.value.error_dict) == {field}


def test_a_token_is_named_for_an_authority_that_is_added_later_and_in_no_request(cast: Cast, replica: Replica) -> None:
    """ipa-replica-install takes it from the realm, and has no such option."""
    assert not {"token_name"} & set(ReplicaRequestForm.base_fields)
    Master.objects.update(versions={"FreeIPA": "4.12.4"})
    plan = later.add_authority(cast.operator, replica, token_name="hsm", passwords=MANAGER)  # noqa: S106
    assert plan.frozen_job().options.token_name == "hsm"  # noqa: S105


def test_a_reason_to_remove_leftovers_goes_with_the_replica_that_was_made_after_it(
    cast: Cast, replica: Replica
) -> None:
    """Whoever asks for it again has to say why what this one left would be removed."""
    replica.leftovers_reason = "The machine before it burnt down."
    replica.save()
    plan = remove(cast.operator, replica, "not needed")
    run = Run.objects.create(plan=plan, state=RunState.RUNNING, fence=1)
    end(run, Lease(run.pk, 1, 0.0), Outcome(RunState.SUCCEEDED))
    replica.refresh_from_db()
    assert replica.leftovers_reason is None
    event = AuditEvent.objects.filter(verb="replica:change").latest("pk")
    assert "burnt down" in str(event.before)


def test_a_hidden_replica_gets_no_name_service(cast: Cast, replica: Replica) -> None:
    """Its installer would announce all that the server serves."""
    replica.hidden_replica = True
    replica.save()
    with pytest.raises(Conflict, match="announce it first"):
        setup_dns(cast.operator, replica, no_forwarders=True)
    replica.hidden_replica = False
    replica.save()
    assert setup_dns(cast.operator, replica, no_forwarders=True).frozen_job().options.setup_dns


def test_the_directory_manager_password_is_needed_for_an_authority_alone(cast: Cast, replica: Replica) -> None:
    with pytest.raises(ValidationError) as caught:
        later.add_authority(cast.operator, replica)
    assert set(caught.value.error_dict) == {"directory_manager"}
    Credential.objects.create(
        realm=replica.master.realm, name="admin", key_id="k", ciphertext=b"x", set_by="administrator"
    )
    plan = later.add_authority(cast.operator, replica, passwords=MANAGER)
    assert missing_passwords(plan) == []
    PlanCredential.objects.all().delete()
    assert missing_passwords(plan) == ["directory_manager"]
    Plan.objects.update(state="cancelled")
    assert missing_passwords(later.hide(cast.operator, replica)) == []


def test_a_stored_directory_manager_password_does(cast: Cast, replica: Replica) -> None:
    Credential.objects.create(
        realm=replica.master.realm, name="directory_manager", key_id="k", ciphertext=b"x", set_by="administrator"
    )
    assert later.add_authority(cast.operator, replica).action == PlanAction.CA


def test_approvers_see_what_an_initialization_destroys(cast: Cast, looked: Replica) -> None:
    plan = asked(cast, looked, PlanAction.REINITIALIZE)
    assert f"Changes of the suffix domain that {NAME} has and {OTHER} has not are lost." in lasting(plan.steps)


def test_an_authority_is_asked_for_with_its_own_settings(cast: Cast, looked: Replica) -> None:
    """A KRA does not get those that the CA was installed with."""
    Replica.objects.update(pki_config_override="/root/ca.ini")
    plan = asked(cast, looked, PlanAction.KRA)
    assert plan.frozen_job().options.pki_config_override == ""
    assert plan.frozen_job().options.setup_kra


def test_a_plan_from_before_these_options_still_runs(cast: Cast, looked: Replica) -> None:
    """Its digest is that of what was stored."""
    plan = asked(cast, looked, PlanAction.HIDE)
    for name in ("suffix", "partner"):
        del plan.job["options"][name]
    plan.digest = digest(plan.job, plan.steps)
    job, _steps = thaw(plan, registry.get("freeipa"))
    assert (job.options.suffix, job.options.partner) == ("", "")
    assert freeze(registry.get("freeipa"), job)[0] == plan.steps


ZONE = "2.0.192.in-addr.arpa"
OF_TLS: dict[str, Any] = {
    "dns_over_tls": True,
    "dot_forwarders": ["192.0.2.53#dns.example.com"],
    "dns_policy": "enforced",
}


def served(cast: Cast, replica: Replica, **options: Any) -> Replica:
    """As the row is after the run."""
    plan = setup_dns(cast.operator, replica, **options)
    thaw(plan, registry.get("freeipa"))
    run = approve(cast.approver, plan, plan.digest, "wanted")
    assert run is not None
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, fence=1)
    end(Run.objects.get(), Lease(run.pk, 1, 0.0), Outcome(RunState.SUCCEEDED))
    return Replica.objects.get()


def test_name_service_later_takes_what_a_request_takes(cast: Cast, replica: Replica) -> None:
    now = served(cast, replica, auto_forwarders=True, more_reverse_zones=[f"{ZONE}."], allow_zone_overlap=True)
    assert (now.setup_dns, now.auto_forwarders, now.more_reverse_zones) == (True, True, [ZONE])
    assert (now.allow_zone_overlap, now.auto_reverse, now.dns_over_tls) == (True, None, None)
    now.full_clean(exclude=["requested_by"])


def test_name_service_over_tls_later_where_the_release_has_it(cast: Cast, replica: Replica) -> None:
    with pytest.raises(ValidationError) as caught:
        setup_dns(cast.operator, replica, **OF_TLS)
    assert set(caught.value.error_dict) == set(OF_TLS)
    Master.objects.update(versions={"FreeIPA": "4.12.4"})
    now = served(cast, Replica.objects.get(), **OF_TLS)
    assert {name: getattr(now, name) for name in OF_TLS} == OF_TLS


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "forwarders"),
        ({"auto_forwarders": True, "no_forwarders": True}, "no_forwarders"),
        ({"no_forwarders": True, "more_reverse_zones": ["example.com"]}, "more_reverse_zones"),
        ({"no_forwarders": True, "dns_policy": "enforced"}, "dns_policy"),
        ({"no_forwarders": True, "dns_over_tls": True, "dns_over_tls_cert": "dot.pem"}, "dns_over_tls_cert"),
    ],
)
def test_name_service_later_has_the_rules_of_a_request(
    cast: Cast, replica: Replica, options: dict[str, Any], field: str
) -> None:
    Master.objects.update(versions={"FreeIPA": "4.12.4"})
    with pytest.raises(ValidationError) as caught:
        setup_dns(cast.operator, Replica.objects.get(), **options)
    assert field in caught.value.error_dict


def test_what_the_replica_became_does_not_stand_in_the_way_of_its_name_service(cast: Cast, replica: Replica) -> None:
    """A CA that was added later was copied from another server than the master, which has none."""
    Master.objects.update(ca=False)
    Replica.objects.update(setup_ca=True)
    assert served(cast, Replica.objects.get(), no_forwarders=True).setup_dns


def test_another_kind_of_realm_has_the_name_service_of_before(cast: Cast, replica: Replica) -> None:
    replica.master.realm.backend = "native"
    replica.master.realm.save()
    with pytest.raises(ValidationError, match="Realms of this kind"):
        setup_dns(cast.operator, Replica.objects.get(), auto_forwarders=True)
    assert setup_dns(cast.operator, Replica.objects.get(), no_forwarders=True).action == PlanAction.DNS
