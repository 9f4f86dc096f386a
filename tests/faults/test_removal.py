"""Kills while a replica is changed or taken back; then the host is blank, and the same request installs cleanly."""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import pytest

from replicas.actions.add_records import add_records
from replicas.actions.cancel import cancel_run
from replicas.actions.resubmit import resubmit
from replicas.actions.revoke_bundle import revoke_bundle
from replicas.actions.setup_dns import setup_dns
from replicas.actions.undo import remove, undo
from replicas.choices import ReplicaState, RunState
from replicas.models import Bundle, Plan, Replica, Run
from tests.faults.hosts import Baseline, HostSite, assert_verified, boundaries, ended, shape
from tests.faults.logs import assert_complete, assert_whole, texts
from tests.hosts.census import difference

pytestmark = pytest.mark.hosts


def without_issued(found: dict[str, Any]) -> dict[str, Any]:
    """Certificates that were issued stay in the authority's index; that none is valid is counted by themselves."""
    return {key: value for key, value in found.items() if key != "certificates ever issued"}


def assert_blank(site: HostSite, before: dict[str, Any]) -> None:
    differs = difference(before, without_issued(shape(site.lab)))
    assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())


def install_again(site: HostSite, undisturbed: Baseline) -> None:
    replica = Replica.objects.exclude(state=ReplicaState.REMOVED).first() or Replica.objects.latest("pk")
    run = site.portal.approve(resubmit(site.portal.operator, replica))
    site.finish(run)
    assert run.state == RunState.SUCCEEDED, f"{run.error} {run.remedy}"
    differs = difference(without_ids(undisturbed.shape), without_ids(shape(site.lab)))
    assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())


def without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """A replica that comes back gets an id that nobody had before."""
    kept = copy.deepcopy(without_issued(found))
    for directory in (facts["directory"] for facts in kept.values() if facts["directory"]):
        directory["update vector"] = [line.split()[1] for line in directory["update vector"]]
        directory["keep alive"] = len(directory["keep alive"])
    return kept


def test_killed_while_it_gets_dns_and_records_and_is_removed(
    site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    before = without_issued(shape(site.lab))
    run = site.ask(setup_dns=False, no_forwarders=False)
    site.start()
    site.finish(run)
    assert_verified(run)
    site.kill()
    replica, operator = run.plan.replica, site.portal.operator

    killed_everywhere(site, setup_dns(operator, replica, no_forwarders=True), "verified")
    assert_as_made(site, undisturbed)
    forget_records(site, run)
    killed_everywhere(site, add_records(operator, replica), "verified")
    assert_as_made(site, undisturbed)

    removal = site.portal.approve(remove(operator, replica, "moved to another site"))
    inside = undisturbed.removal.moments(moments)
    assert inside
    site.work(removal, [*boundaries(removal), *inside], "removed")
    assert_whole(removal)
    assert_complete(removal, undisturbed.removal.said, {step for step, _ in inside})
    assert_blank(site, before)
    install_again(site, undisturbed)


def test_stopped_inside_the_longest_step_its_bundle_revoked_and_undone(
    site: HostSite, undisturbed: Baseline, moments: random.Random
) -> None:
    before = without_issued(shape(site.lab))
    times = undisturbed.install.seconds
    longest = max(times, key=lambda key: times[key])
    run = site.ask()
    site.start()
    site.reach(run, longest)
    time.sleep(moments.uniform(0.1, 0.8) * times[longest])
    cancel_run(site.portal.operator, run, "another host was meant", now=True)
    seconds = site.wait(lambda: ended(run), 20)
    site.table.add("stopped in the middle by a person", longest, "cancelled", seconds)
    assert run.state == RunState.CANCELLED
    site.kill()
    revocation = revoke_bundle(site.portal.operator, Bundle.objects.latest("pk"), "another host was meant")
    site.work(revocation, boundaries(revocation), "revoked")
    assert_whole(revocation)
    killed_everywhere(site, undo(site.portal.operator, run.plan.replica, "another host was meant"), "removed")
    assert_blank(site, before)
    install_again(site, undisturbed)


def killed_everywhere(site: HostSite, plan: Plan, outcome: str) -> None:
    """At every boundary of every step of the plan."""
    run = site.portal.approve(plan)
    site.work(run, boundaries(run), outcome)
    assert_whole(run)


def forget_records(site: HostSite, run: Run) -> None:
    """Somebody deletes what the portal added for the services."""
    added = [line.removeprefix("Added ") for line in texts(run) if line.startswith("Added _")]
    assert added
    deletions = [f"update delete {record}" for record in added]
    script = "\n".join(["server 127.0.0.1", *deletions, "send", ""])
    site.master.run(["nsupdate", "-k", "/etc/bind/ipa.key"], input=script.encode())


def assert_as_made(site: HostSite, undisturbed: Baseline) -> None:
    """Everything is there that an installation with DNS makes, once."""
    differs = difference(undisturbed.shape, shape(site.lab))
    assert not differs, "\n".join(f"{where}: {what}" for where, what in differs.items())
