"""The kinds of realm that the portal serves. A new one is a package and a line here."""

from __future__ import annotations

from importlib import import_module

from replicas.errors import StepError
from replicas.lifecycle.base import Backend

BACKENDS = {
    "native": "replicas.backends.native.backend:NativeBackend",
}
TITLES = {"native": "389 Directory Server, MIT Kerberos and BIND"}


def get(kind: str) -> Backend:
    """The backend of that kind, imported when it is first wanted. Raises StepError for a kind that is not here."""
    if kind not in BACKENDS:
        raise StepError(f"There is no backend «{kind}».", f"Known ones: {', '.join(BACKENDS)}.")
    module, _, name = BACKENDS[kind].partition(":")
    backend: Backend = getattr(import_module(module), name)()
    return backend


def choices() -> list[tuple[str, str]]:
    """Kind and title of each, for forms."""
    return list(TITLES.items())
