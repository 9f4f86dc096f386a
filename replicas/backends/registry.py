"""Every kind of realm the portal serves, and where its backend is."""

from __future__ import annotations

from importlib import import_module

from replicas.errors import StepError
from replicas.lifecycle.base import Backend

BACKENDS = {
    "native": "replicas.backends.native.backend:NativeBackend",
}


def get(kind: str) -> Backend:
    """A backend by its kind, imported when it is first asked for. Raises StepError for a kind that there is not."""
    if kind not in BACKENDS:
        raise StepError(f"There is no backend {kind!r}.", f"Choose one of: {', '.join(BACKENDS)}.")
    module, _, name = BACKENDS[kind].partition(":")
    backend: Backend = getattr(import_module(module), name)()
    return backend


def choices() -> list[tuple[str, str]]:
    """Kind and title of every backend, for forms."""
    return [(kind, get(kind).title) for kind in BACKENDS]
