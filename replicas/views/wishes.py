"""What a person asks for with a form, as something that makes a plan: to be shown first, and submitted later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import QueryDict
from django.utils.translation import gettext as _

from replicas.actions import host_keys, resubmit, submit
from replicas.actions.drafts import Freeze
from replicas.forms.requests import ReplicaRequestForm
from replicas.lifecycle.job import JSON
from replicas.models import Draft, Plan, Replica
from replicas.permissions import Actor, require
from replicas.uploads import together
from replicas.views.kinds import Subject
from replicas.views.replica_acts import ACTS

REQUEST = "request"
NEEDS_KEY = (REQUEST, "resubmit")
"""Acts that pin the key that the host presents: it is read before the transaction begins."""


def _uploaded_again(replica: Replica, given: Mapping[str, str]) -> dict[str, JSON] | None:
    """What an earlier request had is wiped with its keys. Raises ValidationError by name."""
    if lacking := set(replica.certificates or {}) - set(given):
        raise ValidationError(dict.fromkeys(lacking, _("Upload it again: its key was wiped when the request ended.")))
    return together.check(given, replica.hostname, replica.master.realm) or None


@dataclass(frozen=True, slots=True)
class Wish:
    """A form that was sent, by the name of its act; `replica` is the one that it is about, if there is one yet."""

    act: str
    form: BaseForm
    replica: Replica | None = None

    @classmethod
    def sent(cls, act: str, data: Mapping[str, Any] | QueryDict, replica: Replica | None = None) -> Wish:
        kind = ReplicaRequestForm if act == REQUEST else ACTS[act].form
        return cls(act, kind(data), replica)

    @classmethod
    def of(cls, draft: Draft) -> Wish:
        """As the draft has it. Raises PortalError when it cannot be opened."""
        return cls.sent(draft.act, QueryDict(draft.disclose()), draft.replica)

    def freezing(self, actor: Actor, data: dict[str, Any]) -> Freeze:
        """What stores the plan, for the form's cleaned data; the host is asked for its key now if that is needed.

        Raises HostUnreachable, and ValidationError or Conflict for what can be known before.
        """
        wanted = self.form.instance if isinstance(self.form, ReplicaRequestForm) else self.replica
        if self.act not in NEEDS_KEY or wanted is None:
            return lambda: self._act(actor, data)
        secrets = data["passwords"] | data["certificates"]
        if self.act == REQUEST:
            wanted.requested_by = require(actor, "request")
            submit.check(wanted)
        else:
            wanted.certificates = _uploaded_again(wanted, data["certificates"])
            resubmit.check(wanted)
        key = host_keys.fetch(wanted.ssh_address, wanted.ssh_port)
        if self.act == REQUEST:
            return lambda: submit.store(actor, wanted, key, secrets)
        return lambda: resubmit.restore(actor, wanted, key, data["reason"], secrets)

    def _act(self, actor: Actor, data: dict[str, Any]) -> Plan:
        if self.replica is None:
            raise ValueError(f"{self.act} is about a replica")
        plan = ACTS[self.act].do(actor, Subject(self.replica), data)
        if not isinstance(plan, Plan):
            raise ValueError(f"{self.act} makes no plan")
        return plan
