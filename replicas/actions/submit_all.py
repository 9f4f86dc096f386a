"""Ask for many replicas at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from replicas.actions import host_keys, submit
from replicas.errors import PortalError
from replicas.models import Plan, Replica
from replicas.permissions import Actor, require
from replicas.tasks import check_plan

AT_ONCE = 16


class SomeFailed(PortalError):
    """Nothing was created; `failures` says what is wrong with which of the requests, by their place."""

    def __init__(self, failures: Mapping[int, PortalError]) -> None:
        super().__init__(_("Nothing was requested."), _("Correct what is named below, and submit it again."))
        self.failures = failures


def submit_all(actor: Actor, replicas: Sequence[Replica]) -> list[Plan]:
    """Submit requests that a form filled in, with the keys that their hosts present now.

    Raises NotAllowed, and SomeFailed with what `submit` raises for each.
    """
    require(actor, "request")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(_key, replicas))
    failures = {place: key for place, key in enumerate(found) if isinstance(key, PortalError)}
    if failures:
        raise SomeFailed(failures)
    with transaction.atomic():
        plans = []
        for place, (replica, key) in enumerate(zip(replicas, found, strict=True)):
            try:
                plans.append(submit.store(actor, replica, str(key)))
                transaction.on_commit(partial(check_plan, plans[-1].pk))
            except PortalError as error:
                raise SomeFailed({place: error}) from error
        return plans


def _key(replica: Replica) -> str | PortalError:
    try:
        return host_keys.fetch(replica.ssh_address, replica.ssh_port)
    except PortalError as error:
        return error
