"""What the history keeps of a person."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User


def facts(user: User) -> dict[str, Any]:
    """Of what the person may do, and how to reach him; never of the password."""
    return {
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "active": user.is_active,
        "superuser": user.is_superuser,
        "email": user.email,
    }
