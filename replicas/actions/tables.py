"""Ask for many things at once: their plans are shown first, and all of them are submitted, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from replicas.actions import drafts, host_keys, submit
from replicas.actions.prove_passwords import prove
from replicas.clients import ssh
from replicas.errors import Conflict, PortalError
from replicas.lifecycle.order import hold
from replicas.models import Draft, HostKey, Plan, Replica
from replicas.permissions import Actor, require
from replicas.tasks import check_table

AT_ONCE = 16
NO_FINGERPRINTS: Mapping[int, str] = MappingProxyType({})
REQUEST = "request"
"""The act (Draft.act) of asking for a new replica."""


@dataclass(frozen=True, slots=True)
class Row:
    """A request that the form filled in, what the form was sent with (URL-encoded), and passwords for its run.

    For a replica that is there already: `freeze`, which makes the plan of `act`.
    """

    replica: Replica
    form: str
    passwords: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    """Of the host's key, as the person read it on the host's console; it can also be typed when the plan is shown."""
    act: str = REQUEST
    freeze: drafts.Freeze | None = None


class SomeRefused(PortalError):
    """Nothing was stored; `refusals` says what is wrong with which of the rows, by their place."""

    def __init__(self, refusals: Mapping[int, PortalError | ValidationError]) -> None:
        super().__init__(_("Nothing was requested."), _("Correct what is named below, and submit it again."))
        self.refusals = refusals


def draw(actor: Actor, rows: Sequence[Row], unproved: Mapping[str, str] | None = None) -> UUID:
    """Keep the requests with the plan that each of them would be now, and have their hosts looked at.

    Their passwords are those of one realm, and are proved with it first; those that an earlier draft of the table had
    are not proved again, but marked if they were `unproved`. Gives what their drafts have in common (Draft.table).
    Raises NotAllowed, ValidationError for wrong passwords, and SomeRefused with what actions.submit.submit, or
    `freeze`, raises for each.
    """
    user = require(actor, "request")
    keys = _keys(rows)
    with transaction.atomic():
        plans = _freeze(actor, rows, keys)
        transaction.set_rollback(True)
    if unproved is None:
        unproved = _prove(actor, rows, plans)
    table = uuid4()
    kept = []
    for row, plan in zip(rows, plans, strict=True):
        draft = Draft(
            act=row.act, table=table, replica=row.replica if row.freeze else None, requested_by=user,
            action=plan.action, job=plan.job, steps=plan.steps, digest=plan.digest, fingerprint=row.fingerprint,
            unproved=unproved or None,
        )  # fmt: skip
        draft.enclose(row.form)
        kept.append(draft)
    with transaction.atomic():
        Draft.objects.bulk_create(kept)
        transaction.on_commit(lambda: check_table(str(table)))
    return table


def _prove(actor: Actor, rows: Sequence[Row], plans: Sequence[Plan]) -> Mapping[str, str]:
    """Prove the passwords of the first row that has some: a table has the same ones for all rows."""
    for row, plan in zip(rows, plans, strict=True):
        if any(row.passwords.values()):
            return prove(actor, plan.frozen_job(), row.passwords).unproved
    return {}


def submit_all(
    actor: Actor,
    table: UUID,
    rows: Sequence[Row],
    despite: str = "",
    fingerprints: Mapping[int, str] = NO_FINGERPRINTS,
) -> list[Plan]:
    """Store the plans of all drafts of the table for their approval; `rows` are what the drafts make by now, in order.

    `despite` says why they are asked for although a check has failed. `fingerprints` of host keys, by draft, are those
    that were typed beside the plans. Raises NotAllowed, SomeRefused, Outdated, Conflict (submitted or discarded
    meanwhile), ValidationError without a reason.
    """
    user = require(actor, "request")
    keys = _keys(rows)
    with transaction.atomic():
        mine = list(Draft.objects.select_for_update().filter(table=table, requested_by=user).order_by("pk"))
        if len(mine) != len(rows) or not mine:
            raise Conflict(_("This table was submitted or changed meanwhile."), _("Look at the list of replicas."))
        drafts.require_reason(any(draft.hindered for draft in mine), despite)
        plans = _freeze(actor, rows, keys)
        refusals: dict[int, PortalError | ValidationError] = {}
        for place, (draft, plan) in enumerate(zip(mine, plans, strict=True)):
            typed = fingerprints.get(draft.pk) or draft.fingerprint
            try:
                drafts.take(actor, draft, plan, despite if draft.hindered else "", typed)
            except ValidationError as error:
                refusals[place] = error
        if refusals:
            raise SomeRefused(refusals)
        return plans


def discard_all(actor: Actor, table: UUID) -> None:
    """Nothing was stored of it but its drafts. Raises NotAllowed."""
    Draft.objects.filter(table=table, requested_by=require(actor, "request")).delete()


def check_again(actor: Actor, table: UUID) -> None:
    """Have all hosts looked at again. Raises NotAllowed."""
    mine = Draft.objects.filter(table=table, requested_by=require(actor, "request"))
    with transaction.atomic():
        mine.update(checked_at=None, findings=None, check_asked_at=Now())
        transaction.on_commit(lambda: check_table(str(table)))


def _keys(rows: Sequence[Row]) -> list[str]:
    """The keys that the hosts present now. Raises SomeRefused, also for those that have another one pinned."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(_key, rows))
    names = [row.replica.hostname for row in rows]
    pinned = dict(HostKey.objects.filter(hostname__in=names).values_list("hostname", "key"))
    refusals: dict[int, PortalError | ValidationError] = {}
    keys = []
    for place, (name, key) in enumerate(zip(names, found, strict=True)):
        if isinstance(key, PortalError):
            refusals[place] = key
        elif pinned.get(name, key) != key:
            refusals[place] = host_keys.changed(name, ssh.fingerprint(pinned[name]), key)
        elif typed := rows[place].fingerprint:
            if differs := host_keys.difference(typed, ssh.fingerprint(key)):
                refusals[place] = ValidationError({"fingerprint": differs})
            keys.append(key)
        else:
            keys.append(key)
    if refusals:
        raise SomeRefused(refusals)
    return keys


def _key(row: Row) -> str | PortalError:
    replica = row.replica
    if row.freeze:
        return replica.host_key.key  # its plan has the pinned one, and its run compares
    try:
        return host_keys.fetch(replica.ssh_address, replica.ssh_port)
    except PortalError as error:
        return error


def _freeze(actor: Actor, rows: Sequence[Row], keys: Sequence[str]) -> list[Plan]:
    """Store them all within the caller's transaction. Raises SomeRefused with every one that cannot be."""
    plans, refusals = [], {}
    hold(*(row.replica.pk for row in rows if row.freeze))  # all of them before the history has the first one
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        try:
            with transaction.atomic():
                plans.append(row.freeze() if row.freeze else submit.store(actor, row.replica, key, row.passwords))
        except (PortalError, ValidationError) as error:
            refusals[place] = error
    if refusals:
        raise SomeRefused(refusals)
    return plans
