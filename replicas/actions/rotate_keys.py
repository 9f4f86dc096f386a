"""Encrypt every stored credential again, under the first key of the ring."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit, keyring
from replicas.errors import PortalError
from replicas.models import Draft
from replicas.models.credentials import Sealed
from replicas.permissions import Actor


class Rotation(NamedTuple):
    """What was done: the key in use, how many credentials were encrypted again of how many, and the idle keys."""

    key_id: str
    changed: int
    total: int
    idle: list[str]


@transaction.atomic
def rotate() -> Rotation:
    """Everything, or nothing. Raises PortalError for a key that is missing, and for a credential that was changed."""
    require_keys()
    ring, rows = keyring.ids(), _rows(lock=True)
    stale = [row for row in rows if row.key_id != ring[0] or not row.data_key]
    for row in stale:
        _again(row)
    Draft.objects.exclude(key_id=ring[0]).delete()  # of a few hours at most, and quickly filled in again
    return Rotation(ring[0], len(stale), len(rows), ring[1:])


@transaction.atomic
def forget(key_id: str) -> int:
    """Delete what a lost key encrypts, and say how much that was. Raises PortalError when the key is in the ring."""
    if key_id in keyring.ids():
        raise PortalError(
            _("The key «%(key)s» is in %(ring)s.") % {"key": key_id, "ring": keyring.source()},
            _("Only credentials whose key is lost for good are forgotten."),
        )
    lost = [row for row in _rows() if row.key_id == key_id]
    for row in lost:
        audit.record(Actor.system(), "credential:wipe", row, before={"key_id": key_id}, reason="Its key is lost.")
        row.delete()
    return len(lost)


def require_keys() -> None:
    """Raise PortalError when stored credentials need keys that the ring does not have, naming both."""
    if lacking := missing_keys():
        raise PortalError(
            _("Keys are missing from %(ring)s: %(keys)s.")
            % {"ring": keyring.source(), "keys": "; ".join(f"«{key}» ({', '.join(lacking[key])})" for key in lacking)},
            _(
                "Put them back, or set the passwords in brackets again on the master's page. "
                "For a key that is lost for good: manage.py rotate_keys --forget ID."
            ),
        )


def missing_keys() -> dict[str, list[str]]:
    """Credentials by the id of a key that the ring does not have."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    if rows := _rows():
        ring = keyring.ids()
        for row in rows:
            if row.key_id not in ring:
                found[row.key_id].append(str(row))
    return found


def _rows(lock: bool = False) -> list[Sealed]:
    """Every credential of every kind; locked, nobody sets another password until the transaction ends."""
    rows: list[Sealed] = []
    for model in Sealed.__subclasses__():
        found = model._default_manager.order_by("pk")
        if model.SUBJECT:
            found = found.select_related(model.SUBJECT)
        rows += found.select_for_update(of=("self",)) if lock else found
    return rows


def _again(row: Sealed) -> None:
    before = row.key_id
    row.enclose(keyring.unseal(row))
    row.save(update_fields=keyring.Envelope._fields)
    audit.record(Actor.system(), "credential:rotate", row, before={"key_id": before}, after={"key_id": row.key_id})
