"""Uploaded certificates, from the form to the run: checked, approved by fingerprint, sealed, and gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from replicas.actions import host_keys
from replicas.actions.cancel import cancel_plan
from replicas.choices import RunState
from replicas.clients import ssh
from replicas.lifecycle import credentials
from replicas.lifecycle.job import REALM_OPTIONS, UPLOADS
from replicas.lifecycle.lease import claim
from replicas.lifecycle.outcome import Outcome, end
from replicas.models import AuditEvent, Draft, Master, Plan, PlanCredential, Replica, Run, UploadName
from replicas.permissions import Actor
from replicas.stream.redaction import Redactor
from tests.replicas.services.conftest import KEY, approve
from tests.replicas.uploads import issuing as i
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World

ASKED = {"hostname": i.HOST, "ssh_address": "192.0.2.30", "ssh_port": "22", "ssh_user": "root", "no_pkinit": "on"}
SECRET_LINE = i.pkcs8().decode().splitlines()[1]


@pytest.fixture(autouse=True)
def realm(world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Master:
    """FreeIPA, without an authority of its own."""
    settings.SECRET_KEYS, settings.SECRET_KEYS_FILE = "", tmp_path / "keys"
    monkeypatch.setattr(host_keys, "fetch", lambda address, port: KEY)
    world.master.realm.backend, world.master.realm.ca_certificate = "freeipa", i.pem(i.ROOT).decode()
    world.master.realm.save()
    world.master.offers = {"realm_has_ca": False}
    world.master.save()
    return world.master


def file(content: bytes, name: str = "server.pem") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def both(content: bytes = i.WHOLE) -> dict[str, Any]:
    return {"dirsrv_certificate": file(content), "http_certificate": file(content)}


def send(world: World, **changes: Any) -> Any:
    given = ASKED | {"master": str(world.master.pk)} | both() | changes
    return world.client("operator").post(reverse("replica_request"), {k: v for k, v in given.items() if v})


def refused(answer: Any, name: str) -> str:
    assert answer.status_code == 200
    return " ".join(answer.context["form"].errors[name])


def submitted(world: World, **changes: Any) -> Plan:
    where = send(world, **changes)["Location"]
    draft = Draft.objects.latest("pk")
    sent = {"despite": "nobody has looked yet", "fingerprint": ssh.fingerprint(KEY)}
    answer = world.client("operator").post(f"{where}submit/", sent)
    assert answer.status_code == 302, answer.content.decode()
    assert not Draft.objects.filter(pk=draft.pk).exists()
    return Plan.objects.latest("pk")


def people(world: World, name: str) -> Actor:
    return Actor(world.people[name], "192.0.2.77")


def ended(world: World, plan: Plan, state: RunState) -> Run:
    run = approve(people(world, "approver"), plan, plan.digest, "looks right")
    Run.objects.exclude(pk=run.pk).filter(state=RunState.RUNNING).update(state=RunState.SUCCEEDED)
    lease = claim(run.pk)  # a FreeIPA realm installs one server at a time
    assert lease
    end(run, lease, Outcome(state))
    run.refresh_from_db()
    return run


def test_the_plan_shows_what_is_approved_and_the_digest_covers_it(world: World) -> None:
    where = send(world)["Location"]
    shown = world.client("operator").get(where).content.decode()
    draft = Draft.objects.latest("pk")
    assert draft.job["options"]["dirsrv_certificate"]["sha256"] in shown
    for words in (
        f"CN={i.HOST}, issued by CN=Middle",
        f"for {i.HOST}",
        "--http-cert-file=/run/portal-promote/httpcert",
    ):
        assert words in shown
    other = i.issue(i.HOST, "Middle", i.key(1), i.key(2), i.names(i.HOST))
    send(world, http_certificate=file(i.pkcs8() + i.pem(other, i.MIDDLE)))
    assert Draft.objects.latest("pk").digest != draft.digest


def test_several_files_and_a_password(world: World) -> None:
    parts = [file(i.pem(i.SERVER, i.MIDDLE), "crt"), file(i.pkcs8(passphrase=i.PASSPHRASE), "key")]
    send(world, dirsrv_certificate=parts, dirsrv_certificate_password=i.PASSPHRASE)
    options = Draft.objects.latest("pk").frozen_job().options
    assert options.dirsrv_certificate == options.http_certificate


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "noise": ({"dirsrv_certificate": file(b"noise", "my.key")}, "dirsrv_certificate", "my.key is neither"),
    "locked": ({"http_certificate": file(i.sealed(), "web.p12")}, "http_certificate", "web.p12 is encrypted"),
    "other host": ({"hostname": "b.example.com"}, "http_certificate", f"is for {i.HOST}, not for b.example.com. Have"),
    "other root": (
        {"dirsrv_certificate": file(i.pkcs8() + i.pem(i.issue(i.HOST, "X", i.key(7), i.key(2), i.names(i.HOST)),
                                                      i.issue("X", "X", i.key(7), i.key(7), i.authority())))},
        "dirsrv_certificate", "CN=X, which CN=ipareplica.example.com leads to, is no authority of the realm",
    ),
    "left out": ({"http_certificate": None}, "http_cert_file", "upload it, or say where it is"),
    "two ways": ({"http_cert_file": "/root/h.pem"}, "http_cert_file", "leave out where it is"),
    "mixed": ({"http_certificate": None, "http_cert_file": "/root/h"}, "dirsrv_cert_file", "they are given one way"),
    "no pkinit": ({"no_pkinit": ""}, "no_pkinit", "or ask for «no PKINIT»"),
    "both of pkinit": ({"pkinit_certificate": file(i.WHOLE_KDC)}, "no_pkinit", "is given a certificate"),
    "not a KDC's": ({"pkinit_certificate": file(i.WHOLE), "no_pkinit": ""}, "pkinit_certificate", "krbtgt/EXAMPLE.COM"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_where_it_is(world: World, case: str) -> None:
    changes, name, words = WRONG[case]
    changes = {
        k: file(v.open().read(), v.name or "") if isinstance(v, SimpleUploadedFile) else v for k, v in changes.items()
    }
    assert words in refused(send(world, **changes), name)
    assert not Draft.objects.exists()


def test_too_many_files_are_refused(world: World) -> None:
    assert "at most 10 files" in refused(send(world, http_certificate=[file(i.WHOLE)] * 11), "http_certificate")


def test_a_realm_with_an_authority_issues_them_itself(world: World) -> None:
    world.master.offers = {"realm_has_ca": True}
    world.master.save()
    assert "own authority issues it" in refused(send(world, no_pkinit=""), "http_certificate")


def test_one_of_the_kdc_goes_with_the_others(world: World) -> None:
    plan = submitted(world, pkinit_certificate=file(i.WHOLE_KDC), no_pkinit="")
    assert plan.frozen_job().options.pkinit_certificate
    assert "--pkinit-cert-file=/run/portal-promote/pkinitcert.p12" in str(plan.steps)
    assert "--no-pkinit" not in str(plan.steps)


def test_keys_are_kept_encrypted_and_go_with_the_run(world: World) -> None:
    plan = submitted(world)
    assert {row.name for row in PlanCredential.objects.filter(plan=plan)} == {"dirsrv_certificate", "http_certificate"}
    assert not any(b"PRIVATE KEY" in bytes(row.ciphertext) for row in PlanCredential.objects.all())
    run = approve(people(world, "approver"), plan, plan.digest, "looks right")
    assert credentials._given(plan).count() == 2
    Run.objects.exclude(pk=run.pk).filter(state=RunState.RUNNING).update(state=RunState.SUCCEEDED)
    lease = claim(run.pk)  # a FreeIPA realm installs one server at a time
    assert lease
    end(run, lease, Outcome(RunState.SUCCEEDED))
    assert not PlanCredential.objects.filter(plan=plan).exists()
    told = f"{list(AuditEvent.objects.values())}{list(Plan.objects.values())}{list(Replica.objects.values())}"
    assert SECRET_LINE not in told


def test_a_cancelled_plan_keeps_no_key(world: World) -> None:
    plan = submitted(world)
    cancel_plan(people(world, "operator"), plan, "not now")
    assert not PlanCredential.objects.filter(plan=plan).exists()


def test_checks_before_the_approval_do_not_open_keys(world: World) -> None:
    world.master.realm.credentials.all().delete()
    assert not credentials.of_plan(submitted(world))


def test_a_retry_wants_the_approved_certificate_again(world: World) -> None:
    plan = submitted(world)
    ended(world, plan, RunState.FAILED)
    operator, where = world.client("operator"), reverse("replica_act", args=[plan.replica_id, "retry"])
    page = operator.get(reverse("replica", args=[plan.replica_id])).content.decode()
    assert 'name="dirsrv_certificate"' in page
    assert 'name="pkinit_certificate"' not in page
    assert 'enctype="multipart/form-data"' in page
    other = i.issue(i.HOST, "Middle", i.key(1), i.key(2), i.names(i.HOST))
    answer = operator.post(where, {"http_certificate": file(i.pkcs8() + i.pem(other, i.MIDDLE))})
    assert "not the certificate, with its chain, that the plan was approved with" in answer.content.decode()
    assert operator.post(where, both(i.pkcs8() + i.pem(i.SERVER, i.MIDDLE))).status_code == 302
    assert PlanCredential.objects.filter(plan=plan).count() == 2


def test_an_ended_request_wants_them_again(world: World) -> None:
    plan = submitted(world)
    cancel_plan(people(world, "operator"), plan, "not now")
    operator: Client = world.client("operator")
    where = reverse("replica_act", args=[plan.replica_id, "resubmit"])
    assert "its key was wiped when the request ended" in operator.post(where, {}).content.decode()
    renewed = i.issue(i.HOST, "Middle", i.key(1), i.key(2), i.names(i.HOST))
    draft = operator.post(where, both(i.pkcs8() + i.pem(renewed, i.MIDDLE)))["Location"]
    operator.post(f"{draft}submit/", {"despite": "nobody has looked yet", "fingerprint": ssh.fingerprint(KEY)})
    again = Plan.objects.latest("pk")
    assert again.pk != plan.pk
    kept = again.frozen_job().options.http_certificate
    assert kept != plan.frozen_job().options.http_certificate
    assert Replica.objects.get(pk=plan.replica_id).options().http_certificate == kept
    assert PlanCredential.objects.filter(plan=again).count() == 2


def test_a_log_shows_no_line_of_a_key() -> None:
    masked = Redactor(*credentials.words({"http_certificate": i.WHOLE.decode(), "admin": "correct-horse"}))
    shown = masked.clean(i.WHOLE.decode() + "correct-horse")
    assert SECRET_LINE not in shown
    assert "correct-horse" not in shown
    assert i.pem(i.SERVER).decode().splitlines()[1] in shown


def test_the_names_are_the_same_everywhere() -> None:
    assert tuple(UploadName.values) == UPLOADS


def options(page: str) -> set[str]:
    return {name for name in REALM_OPTIONS if f'name="{name}"' in page}


def test_the_form_asks_for_what_the_chosen_master_has(world: World, realm: Master) -> None:
    operator, where = world.client("operator"), reverse("replica_request")
    native = w.realm_of("OTHER.ORG", "native")
    shown = options(operator.get(where).content.decode())
    assert shown == set()
    old = options(operator.get(where, {"master": realm.pk}).content.decode())
    assert {"dirsrv_certificate", "setup_kra", "no_pkinit"} < old
    assert "dns_over_tls" not in old
    realm.versions, realm.offers = {"FreeIPA": "4.12.1"}, {"realm_has_ca": True}
    realm.save()
    new = options(operator.get(where, {"master": realm.pk}).content.decode())
    assert {"dns_over_tls", "no_pkinit"} < new
    assert not {"dirsrv_certificate", "http_cert_file", "pkinit_cert_name"} & new
    assert options(operator.get(where, {"master": native.pk}).content.decode()) == set()
    native.delete()
    assert options(operator.get(where).content.decode()) == new


def test_another_master_changes_the_options_and_keeps_what_was_typed(world: World, realm: Master) -> None:
    operator, where = world.client("operator"), reverse("replica_request")
    native = w.realm_of("OTHER.ORG", "native")
    typed = ASKED | {"hostname": "typed.example.com", "mkhomedir": "on", "choose": "1", "admin": "do-not-send-back"}
    page = operator.post(where, typed | {"master": str(realm.pk)}).content.decode()
    assert 'value="typed.example.com"' in page
    assert "do-not-send-back" not in page
    assert "is-invalid" not in page
    assert "mkhomedir" in options(page)
    assert options(operator.post(where, typed | {"master": str(native.pk)}).content.decode()) == set()
    assert not Draft.objects.exists()


def test_what_the_master_does_not_have_is_refused_where_it_was_filled_in(world: World, realm: Master) -> None:
    native = w.realm_of("OTHER.ORG", "native")
    answer = send(world, master=str(native.pk), mkhomedir="on")
    assert "do not have this option" in refused(answer, "mkhomedir")
    assert 'name="mkhomedir"' in answer.content.decode()
    assert 'name="setup_kra"' not in answer.content.decode()
