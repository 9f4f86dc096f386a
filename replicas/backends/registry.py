"""Every kind of realm the portal serves, and where its backend is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import get_args

from replicas.errors import StepError
from replicas.lifecycle.base import Backend, PasswordName
from replicas.lifecycle.job import JSON, Action

BACKENDS = {
    "native": "replicas.backends.native.backend:NativeBackend",
    "freeipa": "replicas.backends.freeipa.backend:FreeIpaBackend",
}


def get(kind: str) -> Backend:
    """A backend by its kind, imported when it is first asked for. Raises StepError for a kind that there is not."""
    if kind not in BACKENDS:
        raise StepError(f"There is no backend {kind!r}.", f"Choose one of: {', '.join(BACKENDS)}.")
    module, _, name = BACKENDS[kind].partition(":")
    backend: Backend = getattr(import_module(module), name)()
    return backend


def secrets(kind: str) -> tuple[PasswordName, ...]:
    """The passwords that a realm of that kind needs; all there are for a kind that this portal has no backend for."""
    return get(kind).secrets if kind in BACKENDS else get_args(PasswordName)


def takes_keytab(kind: str) -> bool:
    """Whether realms of that kind may have a keytab; not those of a kind that this portal has no backend for."""
    return kind in BACKENDS and get(kind).takes_keytab


def serial(kind: str) -> frozenset[Action]:
    """Return the kinds of plans of which such a realm takes one at a time; none for an unknown kind."""
    return get(kind).serial if kind in BACKENDS else frozenset()


def needs(kind: str, action: Action) -> tuple[PasswordName, ...]:
    """Those that a run of this action needs."""
    return get(kind).needs(action) if kind in BACKENDS else get_args(PasswordName)


def actions(kind: str) -> frozenset[Action]:
    """The kinds of plans for replicas of such a realm; none for a kind that this portal has no backend for."""
    return get(kind).actions if kind in BACKENDS else frozenset()


def options(kind: str) -> frozenset[str]:
    """Those options that only some kinds have and this one has; none for a kind that this portal has no backend for."""
    return get(kind).options if kind in BACKENDS else frozenset()


def offered(kind: str, versions: Mapping[str, str], offers: Mapping[str, JSON] | None) -> frozenset[str]:
    """Return those of `options` that a master has, by what was read of it when it was registered."""
    return get(kind).offered(versions, offers or {}) if kind in BACKENDS else frozenset()


def choices() -> list[tuple[str, str]]:
    """Kind and title of every backend, for forms."""
    return [(kind, get(kind).title) for kind in BACKENDS]
