"""Tell a context which of its secrets the realm rejected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from replicas.errors import WrongPassword
from replicas.lifecycle.base import Context, SecretName


@contextmanager
def noting(ctx: Context, name: SecretName) -> Iterator[None]:
    """Note a WrongPassword of signing in with that secret, and raise it again."""
    try:
        yield
    except WrongPassword as error:
        ctx.rejected(name, error)
        raise
