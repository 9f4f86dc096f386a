"""A look leaves out the servers that a run is making or taking away just now."""

from __future__ import annotations

import pytest

from replicas.choices import RunState
from replicas.lifecycle.base import AgreementHealth, CertificateHealth, Health, Record, ServerHealth, SuggestedAgreement
from replicas.lifecycle.looking import being_worked_on, without
from replicas.models import Realm, Run
from tests.replicas.lifecycle.rows import make_run

MASTER, NEW = "ipaserver.example.com", "ipareplica.example.com"
SEEN = Health(
    servers=(ServerHealth(MASTER), ServerHealth(NEW, problem="does not answer")),
    agreements=(AgreementHealth(MASTER, NEW, None, "broken"), AgreementHealth(NEW, MASTER, None, "broken")),
    certificates=(CertificateHealth(f"{MASTER}, port 636", 700), CertificateHealth(f"{NEW}, port 636", 700)),
    suggested=(SuggestedAgreement("domain", MASTER, NEW),),
    records=((NEW, Record("a.", "A", "192.0.2.1")),),
)


def test_nothing_of_it_is_left_of_a_look() -> None:
    assert without(SEEN, frozenset()) == SEEN
    found = without(SEEN, frozenset({NEW}))
    assert [one.name for one in found.servers] == [MASTER]
    assert [one.what for one in found.certificates] == [f"{MASTER}, port 636"]
    assert (found.agreements, found.suggested, found.records) == ((), (), ())


@pytest.mark.django_db
@pytest.mark.parametrize("state", RunState.values)
def test_only_while_a_run_is_at_work(state: str) -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(state=state)
    expected = {run.plan.replica.hostname} if state == RunState.RUNNING else set()
    assert being_worked_on(Realm.objects.get()) == expected
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
    run.plan.action = "records"
    run.plan.save()
    assert not being_worked_on(Realm.objects.get())
