"""Replica update vectors of 389 Directory Server: which suppliers a server knows, and how far it has come with each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

VECTOR = "(&(nsuniqueid=ffffffff-ffffffff-ffffffff-ffffffff)(objectClass=nsTombstone))"
"""The entry that has the vector, below its suffix, in the attribute `nsds50ruv`."""
ATTRIBUTE = "nsds50ruv"
SUPPLIER = re.compile(r"\{replica (\d+)(?: ldaps?://([^:/}]+))?")
CSN = re.compile(r"\{replica (\d+)[^}]*\}(?: ([0-9a-f]{20}) ([0-9a-f]{20}))?")
"""An element of an update vector: a supplier's id, its first and its newest change."""
GENERATION = re.compile(r"\{replicageneration\} (\S+)")
"""The element of an update vector that names the database: servers replicate only with copies of the same one."""
ARRIVED = "nsruvReplicaLastModified"
ARRIVAL = re.compile(r"\{replica (\d+)[^}]*\} ([0-9a-f]{8})$")
"""An element of it: a supplier's id, and the time (Unix, hexadecimal) of the last change that arrived from there."""
SECONDS = 8
"""Hexadecimal digits of a change number that are its time (Unix)."""


class Changes(NamedTuple):
    """The first and the newest change of one supplier that a server has, by their numbers; empty when it has none."""

    first: str
    newest: str


NOTHING = Changes("", "")


def escaped(suffix: str) -> str:
    """A suffix as the value of a name, as the server itself writes it in its mapping tree."""
    return suffix.replace("=", "\\3D").replace(",", "\\2C")


def configuration(suffix: str) -> str:
    """The entry of a server that says how it replicates a suffix."""
    return f"cn=replica,cn={escaped(suffix)},cn=mapping tree,cn=config"


def suppliers(values: Iterable[str]) -> dict[int, str]:
    """The server's name of each id; empty for an id without one."""
    matches = [match for value in values if (match := SUPPLIER.match(value))]
    return {int(match[1]): (match[2] or "").lower() for match in matches}


def changes(values: Iterable[str]) -> dict[int, Changes]:
    """What a server has of each supplier, by its id."""
    elements = (CSN.match(value) for value in values)
    return {int(match[1]): Changes(match[2] or "", match[3] or "") for match in elements if match}


def generation(values: Iterable[str]) -> str:
    """Return which database a server has a copy of; an empty text when it does not say."""
    return next((match[1] for value in values if (match := GENERATION.match(value))), "")


def arrivals(values: Iterable[str]) -> dict[int, float]:
    """Return when a server last received a change of each id (Unix), for those of which it has noted that."""
    matches = (ARRIVAL.match(value) for value in values)
    times = {int(match[1]): float(int(match[2], 16)) for match in matches if match}
    return {number: arrived for number, arrived in times.items() if arrived}


def time_of(change: str) -> float:
    """Return the time (Unix) in the number of a change."""
    return float(int(change[:SECONDS], 16))
