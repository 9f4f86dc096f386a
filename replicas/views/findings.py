"""What the checks found, for pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from replicas.models.requests import Checked

PATIENCE_SECONDS = 30
"""Whoever waits longer than this for the checks may go on without them, with a reason."""
NAMES = {
    "hosts": _("Hosts"),
    "addresses": _("Addresses"),
    "resolvable": _("Name resolution"),
    "password": _("Directory Manager password"),
    "existing": _("Leftovers in the realm"),
    "blank": _("Blank host"),
    "resources": _("Space and clocks"),
    "authority": _("Certificate authority"),
    "updates": _("DNS updates"),
    "removable": _("The realm without the replica"),
    "reachable": _("Replica host"),
    "name-in-dns": _("Name in the DNS"),
    "forwarders": _("Forwarders"),
    "certificates": _("Certificates"),
    "agreements": _("Replication of the master"),
    "own-name": _("The host's own name"),
    "settings": _("umask and IPv6"),
    "portal": _("The checks themselves"),
}
ORDER = ("error", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, with the words for its check."""

    level: str
    name: object
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All of them, the worst first; `waiting` while the hosts are being looked at."""

    lines: list[Line]
    checked_at: datetime | None
    waiting: bool

    @classmethod
    def of(cls, row: Checked, asked_at: datetime, now: datetime) -> Findings:
        lines = [
            Line(one["level"], NAMES.get(one["check"], one["check"]), one["message"], one["remedy"])
            for one in row.findings or ()
        ]
        lines.sort(key=lambda line: ORDER.index(line.level))
        waiting = row.checked_at is None and (now - asked_at).total_seconds() < PATIENCE_SECONDS
        return cls(lines, row.checked_at, waiting)

    @property
    def wrong(self) -> list[Line]:
        return [line for line in self.lines if line.level != "ok"]

    @property
    def good(self) -> list[Line]:
        return [line for line in self.lines if line.level == "ok"]

    @property
    def errors(self) -> int:
        return sum(line.level == "error" for line in self.lines)

    @property
    def warnings(self) -> int:
        return sum(line.level == "warning" for line in self.lines)

    @property
    def hindered(self) -> bool:
        return self.checked_at is None or self.errors > 0
