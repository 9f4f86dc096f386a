"""Undo on real hosts: wherever an installation stopped, the hosts are afterwards as they were, counted by a census."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pprint import pformat
from typing import Any

import pytest

from lab import Lab
from replicas.actions.cancel import cancel_run
from replicas.actions.resubmit import resubmit
from replicas.actions.undo import undo
from replicas.backends.registry import get
from replicas.choices import BundleState, ReplicaState, RunState
from replicas.errors import Conflict
from replicas.lifecycle.records import StepRows
from replicas.models import Bundle, Replica, Run
from tests.hosts.census import LDAPI, SUFFIX, census, difference
from tests.hosts.conftest import Portal
from tests.hosts.native.conftest import options
from tests.hosts.native.driver import job_for

pytestmark = pytest.mark.hosts
NAME = "ipareplica.example.com"
WELL_CHOSEN = ("check-hosts", "configure-directory", "prove-service")
"""And one more that FAULT_SEED chooses; with UNDO_EVERY_STEP set, it is every step of the plan instead."""


def everything(hosts: Lab) -> dict[str, Any]:
    """The options that make an installation touch the most."""
    replica = hosts.host(NAME)
    addresses = [str(replica.address), str(replica.address6)]
    return {"ip_addresses": addresses, "setup_ca": True, "setup_dns": True, "no_forwarders": True}


@contextmanager
def stopping_after(portal: Portal, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody cancels the run as soon as that step is done."""
    finish = StepRows.finish

    def finish_and_cancel(self: StepRows, index: int, *rest: Any) -> None:
        finish(self, index, *rest)
        step = self._run.steps.get(index=index)
        if step.key == key:
            cancel_run(portal.operator, Run.objects.get(pk=self._run.pk), f"stop after {key}")

    with monkeypatch.context() as patch:
        patch.setattr(StepRows, "finish", finish_and_cancel)
        yield


def steps_of_an_installation(hosts: Lab) -> list[str]:
    job = job_for(hosts, NAME, options(hosts.host(NAME), setup_ca=True, setup_dns=True, no_forwarders=True))
    return [step.key for step in get("native").steps(job)]


def succeeded(portal: Portal, run: Run) -> Run:
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}\n{portal.log(run)}"
    return run


def undone(portal: Portal, name: str = NAME) -> Run:
    """Asked for, approved by somebody else, and worked off."""
    plan = undo(portal.operator, Replica.objects.get(hostname=name), "to begin anew")
    run = succeeded(portal, portal.work(portal.approve(plan)))
    assert Replica.objects.get(hostname=name).state == ReplicaState.REMOVED
    return run


def again(portal: Portal) -> Run:
    return portal.approve(resubmit(portal.operator, Replica.objects.get(hostname=NAME), "once more"))


def unchanged(before: dict[str, Any], hosts: Lab) -> None:
    changed = difference(before, census(hosts))
    assert not changed, pformat(changed)


def chosen(every: list[str]) -> list[str]:
    """After which the installation stops."""
    if os.environ.get("UNDO_EVERY_STEP"):
        return every
    chance = random.Random(int(os.environ.get("FAULT_SEED", "1")))  # noqa: S311 - not for secrets
    more = chance.choice([key for key in every if key not in WELL_CHOSEN])
    return [key for key in every if key in WELL_CHOSEN or key == more]


def test_undone_after_any_step_and_installed_again(portal: Portal, hosts: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.register()
    before = census(hosts)
    run = portal.approve(portal.ask(NAME, **everything(hosts)))
    every = steps_of_an_installation(hosts)
    for key in chosen(every):
        with stopping_after(portal, key, monkeypatch):
            run = portal.work(run)
        last = key == every[-1]
        assert run.state == (RunState.SUCCEEDED if last else RunState.CANCELLED), portal.log(run)
        if last:  # Nobody can stop it any more; here it counts as an installation that failed at its very end.
            Replica.objects.update(state=ReplicaState.FAILED, verified_at=None)
        log = portal.log(undone(portal))
        print(key, log)  # noqa: T201 - pytest shows it when a test fails
        unchanged(before, hosts)
        assert not Bundle.objects.filter(state=BundleState.SEALED).exists()
        run = again(portal)
    succeeded(portal, portal.work(run))
    assert Replica.objects.get().state == ReplicaState.VERIFIED


def test_undone_from_a_state_that_no_step_leaves(portal: Portal, hosts: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services stopped, the instance half made, records added by hand, the master's directory away meanwhile."""
    master, replica = hosts.master, hosts.host(NAME)
    replica.run(["systemctl", "enable", "--now", "apache2", "chrony"])
    portal.register()
    before = census(hosts)
    run = portal.approve(portal.ask(NAME, **everything(hosts)))
    with stopping_after(portal, "configure-dns", monkeypatch):
        assert portal.work(run).state == RunState.CANCELLED
    replica.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM", "krb5-kdc", "named"])
    replica.run(["rm", "/etc/dirsrv/slapd-EXAMPLE-COM/dse.ldif", "/etc/krb5.keytab"])
    replica.run(["mkdir", "/run/portal-bundle-left"])
    add = f"server 127.0.0.1\nupdate add _ldap._tcp.example.com. 3600 SRV 5 5 389 {NAME}.\nsend\n"
    master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=add.encode())
    master.run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])

    plan = undo(portal.operator, Replica.objects.get(), "to begin anew")
    run = portal.work(portal.approve(plan))
    assert run.state == RunState.FAILED
    assert master.name in run.error
    with pytest.raises(Conflict):
        resubmit(portal.operator, Replica.objects.get())
    master.run(["systemctl", "start", "dirsrv@EXAMPLE-COM"])
    succeeded(portal, portal.retry(run))
    unchanged(before, hosts)
    succeeded(portal, portal.work(again(portal)))


def test_undo_leaves_alone_what_another_portal_made(portal: Portal, hosts: Lab) -> None:
    """The installation was refused because the realm knows the host already: nothing of it is this request's."""
    entry = f"dn: cn={NAME},cn=masters,cn=ipa,cn=etc,{SUFFIX}\nobjectClass: nsContainer\nobjectClass: top\n"
    hosts.master.run(["ldapadd", "-Q", "-Y", "EXTERNAL", "-H", LDAPI], input=entry.encode())
    portal.register()
    before = census(hosts)
    assert portal.install(NAME, **everything(hosts)).state == RunState.FAILED
    assert "changed nothing" in portal.log(undone(portal))
    unchanged(before, hosts)


def test_two_halves_do_not_wait_for_each_other(portal: Portal, hosts: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of two half-made replicas serves, so neither is asked before the other is undone."""
    portal.register()
    before = census(hosts)
    other = "ipareplica2.example.com"
    for name in (NAME, other):
        with stopping_after(portal, "initialize", monkeypatch):
            run = portal.install(name, ip_addresses=[str(hosts.host(name).address)])
        assert run.state == RunState.CANCELLED
    for name in (NAME, other):
        hosts.host(name).run(["systemctl", "stop", "dirsrv@EXAMPLE-COM"])
    log = portal.log(undone(portal))
    assert f"{other}, which does not serve yet, was left out" in log
    undone(portal, name=other)
    unchanged(before, hosts)
