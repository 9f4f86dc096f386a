"""No error of a check or a step, and no symptom, tells people to wipe a host or a server that may be in service."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import replicas

SOURCES = Path(replicas.__file__).parent
WIPES = re.compile(
    r"dsctl \S+ remove|--do-it|ipa-server-install --uninstall|\brm -|delprinc|remove-ds|userdel|mkfs|wipefs",
    re.IGNORECASE,
)
SPEAKS = re.compile("Error$|Lost$|Failed$|Refused$|Unreachable$|Conflict$|^Symptom$|^Finding$|^gettext|^_$")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in calls that make an error, a finding, a symptom or a message."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if SPEAKS.search(name):
            parts = (one for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))
            yield node.lineno, " ".join(str(one.value) for one in parts)


@pytest.mark.parametrize("folder", ["actions", "backends", "clients", "forms", "lifecycle", "views"])
def test_no_message_advises_to_wipe(folder: str) -> None:
    found = [
        f"{path.relative_to(SOURCES)}:{line}"
        for path in sorted((SOURCES / folder).rglob("*.py"))
        for line, text in texts(path)
        if WIPES.search(text)
    ]
    assert not found
