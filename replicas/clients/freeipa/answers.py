"""What a call to FreeIPA gives back, read from the shapes that its commands share."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

THERE_ALREADY, NOT_THERE = "This entry is already a member", "This entry is not a member"


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry that a call for several left as it was, and why."""

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call: an entry, a list of them, or a plain value, with what the server said about it.

    `value` may hold a one-time password, and is therefore not shown.
    """

    value: Any = field(repr=False)
    changed: bool = True
    """False when everything was as asked for before (4202)."""
    failures: tuple[Failure, ...] = ()
    completed: int | None = None
    warnings: tuple[str, ...] = ()
    truncated: bool = False


UNCHANGED = Answer(None, changed=False)


def read(result: Mapping[str, Any]) -> Answer:
    """An answer from the member `result` of a JSON-RPC response."""
    value = result.get("result")
    failed = result.get("failed") or (value.get("failed") if isinstance(value, Mapping) else None)
    return Answer(
        value=value,
        failures=tuple(_failures(failed or [])),
        completed=result.get("completed"),
        warnings=tuple(str(message.get("message", "")) for message in result.get("messages") or []),
        truncated=bool(result.get("truncated")),
    )


def _failures(failed: Mapping[str, Any] | list[Any]) -> Iterator[Failure]:
    """From `{"member": {"host": [[name, reason]]}}` of member calls, or `[name]` of removals."""
    for one in failed.values() if isinstance(failed, Mapping) else failed:
        if isinstance(one, str):
            yield Failure(one)
        elif isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one):
            yield Failure(*one)
        else:
            yield from _failures(one)


def plain(value: dict[str, Any]) -> Any:
    """DNS names, dates and bytes, which FreeIPA wraps in an object of one member, as such; for json's object_hook."""
    match value:
        case {"__dns_name__": name, **rest} if not rest:
            return name
        case {"__datetime__": moment, **rest} if not rest:
            return moment
        case {"__base64__": text, **rest} if not rest:
            return base64.b64decode(text)
    return value
