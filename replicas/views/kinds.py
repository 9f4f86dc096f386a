"""What an act on a replica is about, and what kinds of acts there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Prefetch
from django.forms import BaseForm

from replicas.actions.give_passwords import lacking, missing_passwords
from replicas.choices import RUN_ACTIVE, PlanAction, PlanState, RunState
from replicas.models import Plan, Replica, Run
from replicas.permissions import Actor
from replicas.views.outcome import outcome


class Subject:
    """A replica with its plans and their runs, both newest first."""

    def __init__(self, replica: Replica, plans: list[Plan]) -> None:
        runs = [run for plan in plans for run in plan.runs.all()]
        self.replica, self.plans = replica, plans
        self.plan = plans[0] if plans else None
        self.run = max(runs, key=lambda run: run.pk, default=None)
        self.findings = outcome(runs)

    @classmethod
    def of(cls, replica: Replica) -> Subject:
        runs = Prefetch("runs", Run.objects.select_related("bypass__by", "bypass__reviewed_by").order_by("-pk"))
        return cls(replica, list(replica.plans.select_related("requested_by").prefetch_related(runs)))

    @property
    def stopped(self) -> Run | None:
        """The run that can be tried again; the revocation of its bundle, once done, stands in nobody's way."""
        revoked = (PlanAction.REVOKE, RunState.SUCCEEDED)
        runs = [run for plan in self.plans for run in plan.runs.all() if (plan.action, run.state) != revoked]
        run = max(runs, key=lambda run: run.pk, default=None)
        return run if run is not None and run.state in (RunState.FAILED, RunState.CANCELLED) else None

    @property
    def waits(self) -> bool:
        return self.plan is not None and self.plan.state == PlanState.WAITING

    @property
    def runs(self) -> bool:
        return self.run is not None and self.run.state in RUN_ACTIVE

    @cached_property
    def missing(self) -> list[str]:
        """Passwords (CredentialName) that a run would lack."""
        return missing_passwords(self.plan) if self.plan else []

    def lacks(self, action: PlanAction | None) -> list[str]:
        """The same of a new plan; of none in particular, those of the newest one."""
        return lacking(self.replica, action) if action else self.missing

    @property
    def idle(self) -> bool:
        return not self.waits and not self.runs


class Bound(NamedTuple):
    """A form that was sent and not accepted."""

    name: str
    form: BaseForm


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of action on a replica."""

    verb: str
    form: Callable[..., BaseForm]
    offered: Callable[[Subject], bool]
    do: Callable[[Actor, Subject, dict[str, Any]], object]
    label: Any
    help: Any
    symbol: str
    style: str = "btn-quiet"
    thanks: Any = ""
    action: PlanAction | None = None
    """Of the plan that it makes, where that needs other passwords than the one before."""

    @property
    def plans(self) -> bool:
        """Whether it makes a plan, which is looked at before it is submitted."""
        return self.verb == "request"
