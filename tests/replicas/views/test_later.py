"""Pages of what a verified replica can become, in a FreeIPA realm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from replicas import keyring
from replicas.choices import PlanAction, PlanState
from replicas.models import Credential, Draft, Master, Plan, PlanCredential, RealmLook, Replica
from replicas.views.later_acts import LATER
from tests.replicas.services.test_later import LOOK
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World
from tests.replicas.views.test_access import OPERATORS
from tests.replicas.views.test_replicas import offered

NAME, MASTER, THIRD = "verified.example.com", "ipaserver.example.com", "third.example.com"
SENT: dict[str, dict[str, str]] = {
    "ca": {"directory_manager": "manager-secret"},
    "kra": {"directory_manager": "manager-secret"},
    "reinit": {"suffix": "domain", "partner": MASTER},
    "segment": {"suffix": "domain", "partner": THIRD},
}
BEFORE: dict[str, dict[str, Any]] = {"ca": {"setup_ca": False}, "unhide": {"hidden_replica": True}}


def health() -> dict[str, Any]:
    """The same, with this world's replica, which has a CA."""
    renamed = {"ipareplica.example.com": NAME}

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(one) for name, one in value.items()}
        return [of(one) for one in value] if isinstance(value, list) else renamed.get(value, value)

    return dict(of(LOOK))


@pytest.fixture
def later(world: World, settings: Settings, tmp_path: Path) -> World:
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    world.master.realm.backend = "freeipa"
    world.master.realm.save()
    Master.objects.update(
        versions={"FreeIPA": "4.9.11"}, offers={"realm_has_ca": True, "realm_has_kra": True, "domain_level": 1}
    )
    Credential.objects.filter(name="directory_manager").delete()
    RealmLook.objects.create(realm=world.master.realm, at=timezone.now(), seconds=1.5, health=health())
    return world


def send(world: World, who: str, name: str, **data: str) -> Any:
    where = reverse("replica_act", args=[world.verified.pk, name])
    return world.client(who).post(where, SENT.get(name, {}) | data)


def page(world: World, who: str = "operator", name: str = "replica", pk: int = 0) -> str:
    return world.client(who).get(reverse(name, args=[pk or world.verified.pk])).content.decode()


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("who", ["viewer", "operator", "approver", "administrator", "both", "root", "nobody"])
def test_who_may_ask_for_it(later: World, name: str, who: str) -> None:
    Replica.objects.filter(pk=later.verified.pk).update(**BEFORE.get(name, {}))
    answer = send(later, who, name)
    assert (answer.status_code == 302) == (who in OPERATORS)
    assert Draft.objects.filter(act=name).exists() == (who in OPERATORS)
    if who != "nobody":
        later.verified.refresh_from_db()
        assert (name in offered(later, who, later.verified)) == (who in OPERATORS)


@pytest.mark.parametrize("name", LATER)
def test_the_draft_becomes_a_plan_that_someone_else_approves(later: World, name: str) -> None:
    Replica.objects.filter(pk=later.verified.pk).update(**BEFORE.get(name, {}))
    where = send(later, "operator", name)["Location"]
    operator = later.client("operator")
    shown = operator.get(where).content.decode()
    assert "manager-secret" not in shown
    assert operator.post(f"{where}submit/", {"despite": "no worker runs in this test"}).status_code == 302
    plan = Plan.objects.get(action=LATER[name].action)
    assert plan.state == PlanState.WAITING
    assert later.client("approver").get(reverse("plan", args=[plan.pk])).status_code == 200
    kept = {row.name: keyring.unseal(row) for row in PlanCredential.objects.select_related("plan")}
    assert kept == ({"directory_manager": "manager-secret"} if name in ("ca", "kra") else {})


def test_what_is_offered_is_what_makes_sense(later: World) -> None:
    both = {"kra", "hide", "reinit", "segment"}
    assert offered(later, "operator", later.verified) & set(LATER) == both
    assert "dns" in offered(later, "operator", later.verified)
    Replica.objects.filter(pk=later.verified.pk).update(setup_ca=False, hidden_replica=True)
    later.verified.refresh_from_db()
    assert offered(later, "operator", later.verified) & set(LATER) == {"ca", "unhide", "reinit", "segment"}
    assert "dns" not in offered(later, "operator", later.verified), "its installer would announce the replica"
    later.master.realm.backend = "native"
    later.master.realm.save()
    later.verified.refresh_from_db()
    assert offered(later, "operator", Replica.objects.get(pk=later.verified.pk)) & set(LATER) == set()


def test_the_form_offers_the_servers_that_there_are(later: World) -> None:
    shown = page(later)
    assert f'<option value="{MASTER}">' in shown.split('id="id_reinit_partner"')[1].split("</select>")[0]
    assert THIRD not in shown.split('id="id_reinit_partner"')[1].split("</select>")[0]
    assert f'<option value="{THIRD}">' in shown.split('id="id_segment_partner"')[1].split("</select>")[0]


def test_a_release_is_asked_for_what_it_has(later: World) -> None:
    Replica.objects.filter(pk=later.verified.pk).update(setup_ca=False)
    assert 'id="id_ca_token_name"' not in page(later)
    Master.objects.update(versions={"FreeIPA": "4.12.4"})
    assert 'id="id_ca_token_name"' in page(later)


def test_a_password_that_is_needed_and_missing_is_told_at_its_field(later: World) -> None:
    Replica.objects.filter(pk=later.verified.pk).update(setup_ca=False)
    shown = page(later)
    assert "Needed now" in shown.split('id="id_ca_directory_manager"')[1][:600]
    assert "Needed now" not in shown.split('id="id_hide_directory_manager"')[1][:600]
    answer = send(later, "operator", "ca", directory_manager="")
    assert answer.status_code == 200
    assert "The installer needs it, and it is not stored" in answer.content.decode()
    assert not Draft.objects.exists()


def test_a_server_that_is_none_is_told_at_its_field(later: World) -> None:
    answer = send(later, "operator", "reinit", partner=THIRD)
    assert f"{THIRD} is not among the servers for the suffix domain" in answer.content.decode()


def test_a_suggested_agreement_is_asked_for_on_the_page_of_the_realm(later: World) -> None:
    shown = page(later, name="realm", pk=later.master.realm_id)
    form = shown.split(f'action="{reverse("replica_act", args=[later.verified.pk, "segment"])}"')[1].split("</form>")[0]
    for name, value in (("suffix", "domain"), ("partner", THIRD)):
        assert f'<input type="hidden" name="{name}" value="{value}"' in form
    assert "ipa topologysegment-add" not in shown


def test_who_may_not_ask_sees_the_suggestion_alone(later: World) -> None:
    shown = page(later, "viewer", "realm", later.master.realm_id)
    assert "Another agreement would help" in shown
    assert reverse("replica_act", args=[later.verified.pk, "segment"]) not in shown


def test_what_is_under_way_comes_first(later: World) -> None:
    w.plan_of(later.verified, PlanState.WAITING, PlanAction.RECORDS)
    shown = page(later, name="realm", pk=later.master.realm_id)
    assert f"Something else is under way for {NAME}" in shown
    assert reverse("replica_act", args=[later.verified.pk, "segment"]) not in shown


def test_where_neither_end_is_the_portals_the_command_is_shown(later: World) -> None:
    Replica.objects.filter(pk=later.verified.pk).update(hostname="elsewhere.example.com")
    shown = page(later, name="realm", pk=later.master.realm_id)
    assert 'id="suggested-1">ipa topologysegment-add' in shown


def test_name_service_is_asked_for_as_the_release_has_it(later: World) -> None:
    shown = page(later)
    assert 'id="id_dns_auto_forwarders"' in shown
    assert 'id="id_dns_dns_over_tls"' not in shown
    Master.objects.update(versions={"FreeIPA": "4.12.4"})
    assert 'id="id_dns_dns_over_tls"' in page(later)
    later.master.realm.backend = "native"
    later.master.realm.save()
    shown = page(later)
    assert 'id="id_dns_no_forwarders"' in shown
    assert 'id="id_dns_auto_forwarders"' not in shown


def test_name_service_with_more_than_every_realm_has_becomes_a_plan(later: World) -> None:
    asked = {"auto_forwarders": "on", "more_reverse_zones": "2.0.192.in-addr.arpa\n3.0.192.in-addr.arpa"}
    answer = send(later, "operator", "dns", **asked)
    assert answer.status_code == 302, answer.content.decode()
    options = Draft.objects.get().frozen_job().options
    assert options.auto_forwarders
    assert options.more_reverse_zones == ("2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa")
    answer = send(later, "operator", "dns", auto_forwarders="on", no_forwarders="on")
    assert "Give forwarders, or «no forwarders», not both." in answer.content.decode()


def test_the_page_asks_the_database_little_more_than_that_of_another_realm(
    later: World, django_assert_max_num_queries: Any
) -> None:
    """What was seen of the realm is read once, whatever is offered; which passwords are stored, for each act."""
    client = later.client("operator")
    where = reverse("replica", args=[later.verified.pk])
    client.get(where)
    with django_assert_max_num_queries(25):
        client.get(where)
