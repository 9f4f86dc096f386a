"""Backends by their kind, and what every one of them promises."""

from __future__ import annotations

from typing import get_args

import pytest

from replicas.backends import registry
from replicas.errors import StepError
from replicas.lifecycle.base import STAGES, TouchKind
from replicas.lifecycle.job import Action, Endpoint, Job, Options, RealmFacts
from replicas.templatetags.portal_tags import KINDS


def job(action: Action, **options: object) -> Job:
    realm = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "native", True, "PEM")
    master, replica = (
        Endpoint(f"{name}.example.com", address, "ssh-ed25519 AAAA")
        for name, address in (("ipaserver", "192.0.2.1"), ("ipareplica", "192.0.2.2"))
    )
    return Job(action, realm, master, replica, Options(**options))  # type: ignore[arg-type]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(StepError, match="no backend 'other'"):
        registry.get("other")


@pytest.mark.parametrize("kind", registry.BACKENDS)
@pytest.mark.parametrize("action", ["install", "dns", "records"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ip_addresses": ("192.0.2.2",)},
        {"setup_ca": True, "setup_dns": True, "no_forwarders": True},
    ],
)
def test_every_plan_is_named_and_ordered(kind: str, action: Action, options: dict[str, object]) -> None:
    backend, wanted = registry.get(kind), job(action, **options)
    steps = backend.steps(wanted)
    assert backend.kind == kind
    assert steps
    assert len({step.key for step in steps}) == len(steps)
    for step in steps:
        assert step.title
        assert step.stage in STAGES
        assert all(touch.what and touch.kind in get_args(TouchKind) for touch in step.touches(wanted))
        assert step.undoable or step.lasting(wanted), f"{step.title}: what of it cannot be undone?"
    assert set(get_args(TouchKind)) == set(KINDS)
    order = [STAGES.index(step.stage) for step in steps if step.stage != "initialize"]
    assert order[0] == min(order)
    assert order[-1] == max(order)
