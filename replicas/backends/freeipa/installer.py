"""What FreeIPA's installers print, read as they print it: services, their steps, replication, and errors.

The numbers are the installer's own: how many steps a service has differs with release and options.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

SERVICE = re.compile(r"(?:Configuring |Upgrading )(?P<what>.+?)(?:[.:]+ Estimated time:? .*)?$")
STEP = re.compile(r"  \[(?P<number>\d+)/(?P<total>\d+)\]: (?P<what>.*)$")
SECONDS = re.compile(r"Update in progress, (?P<seconds>\d+) seconds elapsed$")
ERROR = re.compile(r"  \[error\] (?P<what>.*)$")
STARTED, SUCCEEDED = "Starting replication, please wait until this has completed.", "Update succeeded"
FAILED = re.compile(r"(?:\[ldaps?://.*\] reports: )?Update failed! (?P<what>Status: .*)$")
DONE = re.compile(r"Done(?: configuring .*)?\.$")
COMPLAINT = re.compile(r"(?:ERROR|CRITICAL|ipapython\.admintool: ERROR)[: ]+(?P<what>.*)$")
GIVEN_UP = re.compile(r"The ipa-[a-z-]+ command failed")
CHATTER = re.compile(r"The ipa-[a-z-]+ command was successful|^\s*$")
LAST_LINES = 40


@dataclass(slots=True)
class Installer:
    """How far an installer is. `number` of `total` steps of `service`; `seconds` of replication, None outside of it.

    `hear` takes its output in pieces of any size, `see` what stands on a line that it rewrites meanwhile.
    """

    service: str = ""
    number: int = 0
    total: int = 0
    step: str = ""
    seconds: int | None = None
    replicated: bool = False
    errors: list[str] = field(default_factory=list)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    _rest: str = ""

    def hear(self, piece: str) -> bool:
        """Whether anything of the progress changed."""
        changed = False
        for line in self._lines(piece):
            changed = self._read(line) or changed
        return changed

    def see(self, line: str) -> bool:
        """Whether anything of the progress changed. Only seconds are counted on a line that has no end yet."""
        found = SECONDS.match(line)
        if found:
            self.seconds = int(found["seconds"])
        return bool(found)

    @property
    def progress(self) -> tuple[int, int, str]:
        """For Context.progress: the steps of the service, and in words what the installer is at."""
        at = [": ".join(filter(None, (self.service, self.step)))]
        if self.seconds is not None:
            at.append(f"{self.seconds} s of initialization")
        return self.number, self.total, ", ".join(["steps", *filter(None, at)])

    @property
    def failure(self) -> str:
        """The installer's own words for why it stopped: its first error, else the last line before it gave up."""
        before = takewhile(lambda line: not GIVEN_UP.search(line), self.lines)
        spoken = [line.strip() for line in before if not CHATTER.search(line)]
        return (self.errors or spoken[-1:] or ["it said nothing"])[0]

    def _lines(self, piece: str) -> Iterator[str]:
        """Whole lines, and their states before carriage returns rewrote them; the rest of a piece waits for its end."""
        *whole, self._rest = re.split(r"\r\n|\n|\r", self._rest + piece)
        yield from (line for line in whole if line)

    def _read(self, line: str) -> bool:
        if found := STEP.match(line):
            self.number, self.total, self.step = int(found["number"]), int(found["total"]), found["what"].strip()
            self.seconds = None
        elif found := SECONDS.match(line):
            self.seconds = int(found["seconds"])
        elif line == STARTED:
            self.seconds = 0
        elif line == SUCCEEDED:
            self.seconds, self.replicated = None, True
        elif found := SERVICE.match(line):
            self.service, self.number, self.total, self.step = found["what"].strip(), 0, 0, ""
        elif DONE.match(line):
            self.number, self.step, self.seconds = self.total, "", None
        else:
            return self._complaint(line)
        self.lines.append(line)
        return True

    def _complaint(self, line: str) -> bool:
        self.lines.append(line)
        for pattern in (ERROR, FAILED, COMPLAINT):
            if found := pattern.match(line):
                text = found["what"].strip()
                self.errors += [f"Update failed! {text}" if pattern is FAILED else text]
        return False
