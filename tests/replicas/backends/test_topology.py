"""Which servers lose the others when one is taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replicas.backends.native.topology import cut
from replicas.backends.registry import get
from replicas.lifecycle.job import Action
from replicas.lifecycle.undo import reverts
from tests.replicas.backends.test_native import job


@pytest.mark.parametrize(
    ("agreements", "lost"),
    [
        ({"a": {"gone"}}, set()),
        ({"a": {"b", "gone"}, "b": {"a"}}, set()),
        ({"a": {"gone"}, "b": {"gone"}}, {"b"}),
        ({"a": {"b"}, "b": {"a", "gone"}, "c": {"gone"}, "d": {"c"}}, {"c", "d"}),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, set()),
        ({"a": {"b"}, "b": set()}, {"b"}),
    ],
)
def test_who_is_cut_off(agreements: dict[str, set[str]], lost: set[str]) -> None:
    assert cut(agreements, "a") == lost


@pytest.mark.parametrize("action", ["undo", "remove"])
def test_a_removal_undoes_every_step_that_changes_something_in_reverse(action: Action) -> None:
    backend, wanted = get("native"), job(setup_ca=True, ip_addresses=("192.0.2.1",))
    everything = job(setup_ca=True, setup_dns=True, ip_addresses=("192.0.2.1",))
    installed = [f"undo-{step.key}" for step in backend.steps(everything) if reverts(step)]
    steps = backend.steps(replace(wanted, action=action))
    assert [step.key for step in steps if step.stage == "remove"] == installed[::-1]
    assert steps[-1].key == "prove-gone"
    assert (steps[0].key == "check-removable") == (action == "remove")
    assert all(step.title and step.touches(wanted) for step in steps)


@pytest.mark.parametrize("kind", ["native", "freeipa"])
@pytest.mark.parametrize("action", ["undo", "remove"])
def test_a_removal_without_the_host_does_not_tell_of_it(kind: str, action: Action) -> None:
    """What approvers read is what is done: nothing on a host that the request says is gone."""
    wanted = job(setup_ca=True, setup_dns=True, ip_addresses=("192.0.2.1",))
    host, backend = wanted.replica.hostname, get(kind)
    whole = backend.steps(replace(wanted, action=action))
    gone = replace(wanted, action=action, options=replace(wanted.options, host_gone_reason="It burned down."))
    left = backend.steps(gone)
    assert any(touch.where == host for step in whole for touch in step.touches(wanted))
    assert not [touch for step in left for touch in step.touches(gone) if touch.where == host or touch.what == host]
    assert {step.key for step in left} < {step.key for step in whole}
    assert not [text for step in left for text in step.lasting(gone) if "is deleted" in text]
