"""What the checks found, for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from replicas.models import Draft, Plan

PATIENCE_SECONDS = 70
"""Whoever waits longer than this for the checks, which take a minute at most, may go on without, with a reason."""
NAMES = {
    "hosts": _("Hosts"),
    "addresses": _("Addresses"),
    "resolvable": _("Name resolution"),
    "password": _("Directory Manager password"),
    "existing": _("Leftovers in the realm"),
    "blank": _("Blank host"),
    "ports": _("Free ports"),
    "writable": _("Writable files"),
    "resources": _("Space and clocks"),
    "authority": _("Certificate authority"),
    "updates": _("DNS updates"),
    "removable": _("The realm without the replica"),
    "reachable": _("Replica host"),
    "name-in-dns": _("Name in the DNS"),
    "alias": _("Host name"),
    "reverse": _("Reverse lookups on the replica"),
    "name-servers": _("Name servers of the zones"),
    "zone-changes": _("Changes to the zones"),
    "forwarders": _("Forwarders"),
    "forwarder-loops": _("Forwarding loops"),
    "certificates": _("Certificates"),
    "agreements": _("Replication of the master"),
    "own-name": _("The host's own name"),
    "settings": _("Settings of the host"),
    "realm": _("Realm"),
    "signing-in": _("Kerberos password of admin"),
    "vectors": _("Update vectors"),
    "certificate-files": _("Certificates of another authority"),
    "named-files": _("Files that options name"),
    "zones": _("Zones for the records"),
    "releases": _("Releases of FreeIPA"),
    "topology": _("Topology of the realm"),
    "identifiers": _("Security identifiers"),
    "new-zones": _("Zones to be made"),
    "packages": _("Packages of the options"),
    "options": _("Options of the installers"),
    "forwarding": _("Answers of the forwarders"),
    "role": _("Role of the server"),
    "installer": _("Installer on the host"),
    "name-service": _("Role of the server"),
    "name-installer": _("Installer on the host"),
    "hideable": _("The realm with the replica hidden"),
    "hidden": _("Hidden replica"),
    "segment": _("Agreement"),
    "ends": _("Both servers of the agreement"),
    "portal": _("The checks themselves"),
}
ORDER = ("error", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, with the words for its check."""

    level: str
    name: str
    message: str
    remedy: str


def waited_since(rows: Iterable[Draft]) -> datetime:
    """When something last happened of the checks of a table, which go on as long as some of its rows are checked."""
    return max(row.checked_at or row.check_asked_at or row.created_at for row in rows)


def _merged(findings: Iterable[Mapping[str, str]]) -> list[Line]:
    """Return a line for each different finding, the worst first.

    Every check of a host that cannot be reached fails with the same cause: one line then names all of them.
    """
    merged: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for finding in sorted(findings, key=lambda one: ORDER.index(one["level"])):
        merged.setdefault((finding["message"], finding["remedy"]), []).append(finding)
    return [Line(same[0]["level"], _names(same), *cause) for cause, same in merged.items()]


def _names(findings: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(dict.fromkeys(str(NAMES.get(one["check"], one["check"])) for one in findings))


@dataclass(frozen=True, slots=True)
class Findings:
    """All of them, the worst first; `waiting` while the hosts are being looked at."""

    lines: list[Line]
    checked_at: datetime | None
    waiting: bool

    @classmethod
    def of(cls, row: Plan | Draft, now: datetime, since: datetime | None = None) -> Findings:
        """Waited for `since` then, or since the row's checks were asked for."""
        lines = _merged(row.findings or ())
        waited = (now - (since or row.check_asked_at or row.created_at)).total_seconds()
        waiting = row.checked_at is None and waited < PATIENCE_SECONDS
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
