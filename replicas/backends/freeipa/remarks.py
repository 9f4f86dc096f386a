"""What an installer says beside its progress, and which of it tells why it stopped.

Some of FreeIPA's programs put a prefix before an error and others print it plain; a message can have several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import takewhile

STOPPED = re.compile(r"  \[error\] (?P<what>.*)$")
UNREPLICATED = re.compile(r"(?:\[ldaps?://.*\] reports: )?(?P<what>Update failed! Status: .*)$")
COMPLAINT = re.compile(r"(?:[\w.-]+ *: )?(?:ERROR|CRITICAL)(?:: *| +|$)(?P<what>.*)$")
GIVEN_UP = re.compile(r"The ipa-[a-z-]+ command failed")
ROLLING_BACK, ROLLED_BACK = "Installation failed. Rolling back changes.", "Client uninstall complete."
CHATTER = re.compile(
    r"  \[cleanup\]: |The ipa-[a-z-]+ command (?:was successful|failed)|Your system may be partly configured\.|"
    r"Run /usr/sbin/ipa-server-install --uninstall to clean up|If you run into issues, you may have to re-install|"
    r"=+$|The log file for this installation|This program will |Version \d|This includes:|  \* |NOTE: DNSSEC zone|"
    r"To accept the default shown|Checking DNS |Using reverse zone|Running ipa-certupdate|"
    r"(?:Client hostname|Realm|DNS Domain|IPA Server|BaseDN|    (?:Subject|Issuer|Valid From|Valid Until)): |"
    r"(?:Configured|Created|Enrolled in|Adding SSH|Skipping|Synchronizing|Successfully retrieved|Downloading the CA) |"
    r"(?:Systemwide CA database updated|SSSD enabled|Discovery was successful|Client configuration complete)|"
    r"(?:Restarting|Applying LDAP|Finalize replication|Custodia uses|Run connection check|Removing client side) |"
    r"Connection check OK"
)
"""What it is at, says to everybody, or repeats; a message neither contains it nor goes on behind it."""
PASSED_OVER = re.compile(
    r"Clients may not function properly\.|does not support (?:DNSSEC|E[ND]{2}S0)|Please fix forwarder configuration|"
    r"DNSSEC support cannot be enabled without|^WARNING: |be disabled in favor of chronyd|Missing reverse record for",
    re.IGNORECASE,
)
"""What it goes on from when nobody answers its questions."""
TRACEBACK = "Traceback (most recent call last):"
MOST_LINES = 8


class Weight(IntEnum):
    """How much a remark has to do with the end, as far as its form tells."""

    PASSED_OVER, SAID, COMPLAINED, STOPPED = range(4)


@dataclass(slots=True)
class Remark:
    """Lines that belong together."""

    weight: Weight
    lines: list[str]

    @property
    def text(self) -> str:
        """In one line. What has a mark begins with what matters, and what has none may begin with something else."""
        if TRACEBACK in self.lines:
            return self.lines[-1]
        kept = self.lines[-MOST_LINES:] if self.weight is Weight.SAID else self.lines[:MOST_LINES]
        return " ".join(filter(None, kept))


def remarks(lines: Iterable[str]) -> list[Remark]:
    """In the order of the output; an empty line, chatter and another mark end one."""
    found: list[Remark] = []
    goes_on = rolling_back = False
    for line in lines:
        # How the client's installer takes back what it made says nothing of why.
        rolling_back = (rolling_back or line.startswith(ROLLING_BACK)) and not line.startswith(ROLLED_BACK)
        if rolling_back or not line.strip() or line.startswith(ROLLED_BACK) or CHATTER.match(line):
            goes_on = False
            continue
        remark = _begun(line)
        if not remark.text:
            goes_on = False
            continue
        if remark.weight is Weight.SAID and goes_on:
            found[-1].lines += remark.lines
            continue
        goes_on = remark.weight in (Weight.SAID, Weight.COMPLAINED)
        if found and STOPPED.match(line) and UNREPLICATED.match(found[-1].text):
            # The step says only that replication failed, and the line before it why.
            found[-1].lines += remark.lines
        else:
            found.append(remark)
    return found


def _begun(line: str) -> Remark:
    if marked := STOPPED.match(line) or UNREPLICATED.match(line):
        return Remark(Weight.STOPPED, [marked["what"].strip()])
    marked = COMPLAINT.match(line)
    text = (marked["what"] if marked else line).strip()
    if PASSED_OVER.search(line):
        return Remark(Weight.PASSED_OVER, [text])
    return Remark(Weight.COMPLAINED if marked else Weight.SAID, [text])


def reason(lines: Iterable[str]) -> str:
    """Where a step stopped, else the last complaint, else the last remark before it gave up; empty for silence."""
    found = remarks(takewhile(lambda line: not GIVEN_UP.search(line), lines))
    return max(reversed(found), key=lambda remark: remark.weight).text if found else ""
