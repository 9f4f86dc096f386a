"""A state change by guarded UPDATE: whoever comes second is told, instead of overwriting the first."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from replicas.errors import Conflict


def claim(row: Model, expected: dict[str, Any], **changes: Any) -> None:
    """Change the row if it still has the expected values, in the database and in memory. Raises Conflict."""
    manager = type(row)._default_manager
    if manager.filter(pk=row.pk, **expected).update(**changes) != 1:
        raise Conflict(
            _("%(row)s has changed in the meantime.") % {"row": row},
            _("Look at it again, and decide on what it is now."),
        )
    for name, value in changes.items():
        setattr(row, name, value)
