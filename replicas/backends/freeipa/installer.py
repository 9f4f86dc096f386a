"""What FreeIPA's installers print, read as they print it: services, their steps, replication, and errors.

The numbers are the installer's own: how many steps a service has differs with release and options.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from replicas.backends.freeipa.remarks import Weight, reason, remarks

SERVICE = re.compile(r"(?:Configuring |Upgrading )(?P<what>.+?)(?:[.:]+ Estimated time:? .*)?$")
STEP = re.compile(r"  \[(?P<number>\d+)/(?P<total>\d+)\]: (?P<what>.*)$")
SECONDS = re.compile(r"Update in progress, (?P<seconds>\d+) seconds elapsed$")
STARTED, SUCCEEDED = "Starting replication, please wait until this has completed.", "Update succeeded"
DONE = re.compile(r"Done(?: configuring .*)?\.$")
LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
"""A carriage return at the end of a piece may be half of one."""
LAST_LINES = 100


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
        """The installer's own words for why it stopped, in one line."""
        return reason(self.lines) or "it said nothing"

    @property
    def said(self) -> list[str]:
        """Its remarks since the last step began, the newest first, without those that it goes on from."""
        return [remark.text for remark in reversed(remarks(self.lines)) if remark.weight > Weight.PASSED_OVER]

    def _lines(self, piece: str) -> Iterator[str]:
        """Whole lines, and their states before carriage returns rewrote them; the rest of a piece waits for its end."""
        *whole, self._rest = LINE_END.split(self._rest + piece)
        yield from whole

    def _read(self, line: str) -> bool:
        if found := STEP.match(line):
            self.number, self.total, self.step = int(found["number"]), int(found["total"]), found["what"].strip()
            self.seconds = None
            # Nothing that was said before stopped it.
            self.lines.clear()
        elif found := SECONDS.match(line):
            self.seconds = int(found["seconds"])
        elif line == STARTED:
            self.seconds = 0
        elif line == SUCCEEDED:
            self.seconds, self.replicated = None, True
        elif found := SERVICE.match(line):
            self.service, self.number, self.total, self.step = found["what"].strip(), 0, 0, ""
            self.lines.clear()
        elif DONE.match(line):
            self.number, self.step, self.seconds = self.total, "", None
        else:
            self.lines.append(line)
            return False
        self.lines.append("")
        return True
