"""How failures show themselves, what they usually mean, and which button helps; each backend adds its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


def gettext_noop(text: str) -> str:
    """Marks a text for translation on the page that shows it; backends know nothing of Django."""
    return text


class Symptom(NamedTuple):
    """A kind of failure. `acts` are the buttons to offer, best first: names in replicas/views/remedies.py."""

    signs: str
    """A regular expression that is looked for in the error, whatever its case."""
    meaning: str
    acts: tuple[str, ...] = ("retry",)
    remedy: str = ""
    """For errors that say none of their own."""
    actions: tuple[str, ...] = ()
    """The kinds of runs (PlanAction) that show it; empty for any."""


FULL = Symptom(
    "(no|no enough|hardly any) space|MiB are free|disk full|free space",
    gettext_noop("A file system is full. What was begun is finished or begun anew by a retry."),
)
LEFT = Symptom(
    "was not fully removed",
    gettext_noop("The last check found parts of the replica in the realm or on its host."),
    ("retry",),
    actions=("undo", "remove"),
)
SHARED = (
    Symptom(
        "host key .* is not the pinned one",
        gettext_noop("The host was reinstalled, or something else answers at its address. Nothing was sent to it."),
        ("host_key", "undo"),
    ),
    Symptom(
        "does not accept the portal's SSH key|the portal's SSH key .* cannot be read",
        gettext_noop("The portal's public key is missing in authorized_keys on that host, or was replaced."),
    ),
    Symptom(
        "password of .* is not stored",
        gettext_noop("Nobody stored the password, and the one for this run was wiped when the run ended."),
        ("retry", "passwords"),
    ),
    Symptom(
        "does not accept the password|password does not open the bundle|invalid credentials",
        gettext_noop(
            "The password was changed on the realm's servers, or mistyped when it was stored. "
            "The portal tries a wrong password once and then stops."
        ),
        ("retry", "passwords"),
    ),
    Symptom(
        "port check failed|inaccessible port",
        gettext_noop(
            "A firewall between the two hosts, or on one of them, drops these ports. Each line of the log that failed "
            "names the direction. UDP is often forgotten: Kerberos needs port 88 and 464 of both."
        ),
    ),
    Symptom(
        "DNS records are not served|do not serve «|has another .* record",
        gettext_noop(
            "Records are missing in the zone, out of date, or not transferred to every name server yet. "
            "Clients find a replica by these records alone."
        ),
        ("records", "retry"),
    ),
    Symptom(
        "name server .* (does not answer|answers|does not accept)|update of .* failed",
        gettext_noop("Name service is down, port 53 is closed, or the zone does not allow updates with this key."),
    ),
    Symptom(
        "cannot resolve|calls itself|is not an IP address|no interface of",
        gettext_noop(
            "Name and address do not agree: the host's own name, its A and PTR records, and the address in the request "
            "have to be the same, as the realm's name servers see them. This is the most frequent cause of all."
        ),
        ("retry", "undo"),
    ),
    Symptom(
        "expired at|was revoked\\.|bundle is|not the file that was sealed|no bundle|sealed with a password",
        gettext_noop("A bundle is for one host and one time. A retry seals another one and takes back the old one."),
        actions=("install",),
    ),
    Symptom(
        "clocks? of .* differ|clock skew|skew too great",
        gettext_noop("Kerberos refuses clocks that differ by more than five minutes. Usually chrony is not running."),
    ),
    Symptom(
        "was ended by signal",
        gettext_noop("The host was shut down, or the kernel ended the program because memory ran out."),
    ),
    Symptom(
        "already exists on|already has a Directory Server|is configured already",
        gettext_noop(
            "A server of that name is in the realm, or the host runs a server already. It may be in service. Nothing "
            "of it was changed."
        ),
        ("retry", "undo"),
        actions=("install",),
    ),
    Symptom(
        "(directory on|did not answer|cannot be reached|not finished within|connection .* (lost|refused)|no SSH)",
        gettext_noop("The host or its service is down or restarts, or a firewall stands between."),
    ),
    Symptom(
        "defect of the portal|ran without an error",
        gettext_noop("This should not happen: the portal, not the realm, is likely to be wrong."),
        ("retry", "undo"),
    ),
)


def tables(own: Iterable[Symptom]) -> tuple[Symptom, ...]:
    """Return those of a backend, then those of all.

    First what explains anything else: no space, and what a removal left, whose error names parts of every kind.
    """
    return (FULL, LEFT, *own, *SHARED)


def recognise(error: str, symptoms: Iterable[Symptom], action: str = "") -> Symptom | None:
    """Return the first symptom that the error shows; of a run of that kind (PlanAction), or of any."""
    fitting = (one for one in symptoms if not one.actions or not action or action in one.actions)
    return next((one for one in fitting if re.search(one.signs, error, re.IGNORECASE)), None)
