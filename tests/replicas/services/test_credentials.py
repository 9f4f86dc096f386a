"""Passwords: rotated under another key, given for one run, used with a trace, and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from replicas import keyring
from replicas.actions import submit
from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_plan
from replicas.actions.give_passwords import give_passwords, missing_passwords
from replicas.actions.reject import reject
from replicas.actions.retry import retry
from replicas.actions.set_credentials import set_credentials
from replicas.actions.setup_dns import setup_dns
from replicas.audit import chain
from replicas.choices import PlanState, ReplicaState, RunState
from replicas.lifecycle.credentials import unlock
from replicas.lifecycle.lease import claim
from replicas.lifecycle.outcome import Outcome, end
from replicas.models import AuditEvent, Credential, Master, Plan, PlanCredential, Replica, Run
from tests.replicas.services.conftest import KEY, Cast, approve

STORED = {"directory_manager": "stored-manager", "admin": "stored-admin"}
OWN = {"directory_manager": "own-manager-1", "admin": "own-admin-12"}


@pytest.fixture(autouse=True)
def ring(settings: Settings, tmp_path: Path) -> Path:
    settings.SECRET_KEYS = ""
    settings.SECRET_KEYS_FILE = path = tmp_path / "keys"
    return path


@pytest.fixture
def stored(cast: Cast, master: Master) -> None:
    set_credentials(cast.administrator, master.realm, STORED)


@pytest.fixture
def own(cast: Cast, wanted: Callable[..., Replica], twin: None) -> Plan:
    """A request with its own passwords."""
    return submit.store(cast.operator, wanted(), KEY, OWN)


def rotate(*words: str) -> str:
    output = StringIO()
    call_command("rotate_keys", *words, stdout=output)
    return output.getvalue()


def verbs(kind: str) -> list[str]:
    return list(AuditEvent.objects.filter(kind=kind).order_by("pk").values_list("verb", flat=True))


def opened() -> list[str]:
    return [
        keyring.unseal(row) for model in (Credential, PlanCredential) for row in model._default_manager.order_by("pk")
    ]


class TestRotation:
    def test_everything_is_encrypted_again_under_a_new_key(self, stored: None, own: Plan, ring: Path) -> None:
        old = Credential.objects.get(name="admin")
        said = rotate("--new")
        new = keyring.ids()[0]
        assert f"Added the key «{new}»" in said
        assert f"4 of 4 credentials encrypted again; all use «{new}» now" in said
        assert f"No longer needed, but by backups of the database: «{old.key_id}»" in said
        ring.write_text(ring.read_text().splitlines()[0] + "\n")
        assert sorted(opened()) == sorted([*STORED.values(), *OWN.values()])
        assert bytes(Credential.objects.get(name="admin").data_key) != bytes(old.data_key)
        assert AuditEvent.objects.filter(verb="credential:rotate").count() == 4
        assert chain.verify().problem == ""

    def test_a_second_time_does_nothing(self, stored: None) -> None:
        rotate("--new")
        before, events = list(Credential.objects.values()), AuditEvent.objects.count()
        assert "0 of 2 credentials encrypted again" in rotate()
        assert (list(Credential.objects.values()), AuditEvent.objects.count()) == (before, events)

    def test_rows_without_a_data_key_get_one(self, stored: None, master: Master) -> None:
        row = Credential.objects.get(name="admin")
        legacy = keyring._lock(keyring._ring()[row.key_id], b"legacy-admin", f"{row.key_id}\0{row.owner}".encode())
        Credential.objects.filter(pk=row.pk).update(data_key=b"", ciphertext=legacy)
        assert "1 of 2" in rotate()
        row.refresh_from_db()
        assert row.data_key
        assert keyring.unseal(row) == "legacy-admin"

    def test_a_missing_key_stops_it_before_anything(self, stored: None, own: Plan, ring: Path) -> None:
        lost = keyring.ids()[0]
        other = keyring.add()
        before = ring.read_text().splitlines()[0] + "\n"
        ring.write_text(before)
        for words in ((), ("--new",)):
            with pytest.raises(
                CommandError, match=f"«{lost}».*Directory Manager password of EXAMPLE.COM.*Put them back"
            ):
                rotate(*words)
        assert ring.read_text() == before
        assert other not in Credential.objects.values_list("key_id", flat=True)
        assert not AuditEvent.objects.filter(verb="credential:rotate").exists()

    def test_all_or_nothing(self, stored: None, own: Plan, ring: Path) -> None:
        PlanCredential.objects.filter(name="admin").update(ciphertext=b"damaged")
        keyring.add()
        before = list(Credential.objects.values())
        with pytest.raises(CommandError, match="does not open"):
            rotate()
        assert list(Credential.objects.values()) == before

    def test_what_a_lost_key_encrypts_can_be_forgotten(self, stored: None, own: Plan, ring: Path) -> None:
        lost = keyring.ids()[0]
        with pytest.raises(CommandError, match="is in"):
            rotate("--forget", lost)
        keyring.add()
        ring.write_text(ring.read_text().splitlines()[0] + "\n")
        assert "4 credentials" in rotate("--forget", lost)
        assert not opened()
        assert AuditEvent.objects.filter(verb="credential:wipe").count() == 4

    def test_the_system_check_names_key_and_credentials(self, stored: None, ring: Path) -> None:
        assert "portal.E020" not in [error.id for error in run_checks()]
        lost = keyring.ids()[0]
        ring.unlink()
        (error,) = [error for error in run_checks() if error.id == "portal.E020"]
        assert lost in error.msg
        assert "Directory Manager password of EXAMPLE.COM" in error.msg
        assert "rotate_keys --forget" in str(error.hint)


class TestOneRun:
    def test_its_own_passwords_go_before_the_stored_ones(self, cast: Cast, stored: None, own: Plan) -> None:
        PlanCredential.objects.get(name="admin").delete()
        run = approve(cast.approver, own, own.digest, "go")
        assert unlock(run) == {"directory_manager": OWN["directory_manager"], "admin": STORED["admin"]}
        assert verbs("plancredential")[-1] == "credential:use"
        assert verbs("credential")[-1] == "credential:use"

    def test_a_stored_one_that_is_not_used_need_not_open(self, cast: Cast, stored: None, own: Plan) -> None:
        Credential.objects.update(key_id="lost")
        assert unlock(approve(cast.approver, own, own.digest, "go")) == OWN

    @pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED])
    def test_they_are_wiped_with_the_run(self, cast: Cast, own: Plan, state: RunState) -> None:
        run = approve(cast.approver, own, own.digest, "go")
        lease = claim(run.pk)
        assert lease
        end(run, lease, Outcome(state))
        assert not PlanCredential.objects.exists()
        assert verbs("plancredential") == ["credential:set"] * 2 + ["credential:wipe"] * 2

    @pytest.mark.parametrize("how", ["reject", "cancel"])
    def test_they_are_wiped_when_there_will_be_no_run(self, cast: Cast, own: Plan, how: str) -> None:
        if how == "reject":
            reject(cast.approver, own, own.digest, "no")
        else:
            cancel_plan(cast.operator, own, "typed wrong")
        assert not PlanCredential.objects.exists()
        assert verbs("plancredential")[2:] == ["credential:wipe"] * 2

    def test_a_retry_brings_its_own(self, cast: Cast, own: Plan) -> None:
        run = approve(cast.approver, own, own.digest, "go")
        lease = claim(run.pk)
        assert lease
        end(run, lease, Outcome(RunState.FAILED))
        assert missing_passwords(own) == ["directory_manager", "admin"]
        run.refresh_from_db()
        run.plan.replica.refresh_from_db()
        retry(cast.operator, run, "again", {"admin": "third-admin"})
        assert missing_passwords(own) == ["directory_manager"]
        assert unlock(run) == {"admin": "third-admin"}

    @pytest.mark.parametrize(
        "ask", [add_records, lambda *args: setup_dns(*args[:2], no_forwarders=True, passwords=args[2])]
    )
    def test_later_plans_bring_their_own(self, cast: Cast, plan: Plan, ask: Any) -> None:
        Plan.objects.update(state=PlanState.APPROVED)
        Replica.objects.update(state=ReplicaState.VERIFIED)
        later = ask(cast.operator, Replica.objects.get(), OWN)
        assert {row.plan_id for row in PlanCredential.objects.all()} == {later.pk}

    def test_nothing_of_them_is_in_the_history(self, cast: Cast, stored: None, own: Plan) -> None:
        unlock(approve(cast.approver, own, own.digest, "go"))
        told = f"{list(AuditEvent.objects.values())}{list(PlanCredential.objects.all())!r}"
        assert "for Install replica: ipareplica.example.com" in told
        assert not any(secret in told for secret in (*STORED.values(), *OWN.values()))


class TestTheDatabaseWipesByItself:
    """Whoever ends a run or a plan, also a program that knows nothing of these passwords."""

    @pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED])
    def test_with_the_run(self, cast: Cast, own: Plan, state: RunState) -> None:
        approve(cast.approver, own, own.digest, "go")
        Run.objects.update(state=RunState.RUNNING)
        assert PlanCredential.objects.count() == 2
        Run.objects.update(state=state)
        assert not PlanCredential.objects.exists()

    @pytest.mark.parametrize("state", [PlanState.REJECTED, PlanState.CANCELLED])
    def test_with_the_plan(self, own: Plan, state: PlanState) -> None:
        Plan.objects.update(state=PlanState.APPROVED)
        assert PlanCredential.objects.count() == 2
        Plan.objects.update(state=state)
        assert not PlanCredential.objects.exists()

    @pytest.mark.parametrize(
        ("plan_state", "run_state"), [("approved", "failed"), ("cancelled", None), ("approved", None)]
    )
    def test_none_comes_too_late(self, cast: Cast, plan: Plan, plan_state: str, run_state: str | None) -> None:
        Plan.objects.update(state=plan_state)
        if run_state:
            Run.objects.create(plan=plan, state=run_state)
        with pytest.raises(DatabaseError, match="no run of this plan is to come"), transaction.atomic():
            give_passwords(cast.operator, plan, OWN)
        assert not PlanCredential.objects.exists()

    def test_the_guards_are_there(self, db: None) -> None:
        if connection.vendor != "sqlite":
            pytest.skip("asks SQLite's own table")
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            names = {name for (name,) in cursor.fetchall()}
        assert {"run_end_wipes", "plan_end_wipes", "plan_credential_in_time"} <= names
