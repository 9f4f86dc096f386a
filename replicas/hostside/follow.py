"""Follow a transient unit's output: payload unit, path, offset; JSON lines {"text", "offset"}, {"status"}, {"gone"}.

{"shown"}: what stands on a line that carriage returns rewrite; as text it comes once, when the line has its end.
"""

import json
import os
import select
import subprocess
import sys
import time
from typing import Dict, Iterator, Optional

PIECE = 64 * 1024
SHORTEST, LONGEST = 0.005, 0.02
"""Seconds between two looks at the file and at the process, each some millionths of a second of work."""
LOOK_SECONDS, GONE_SECONDS = 2.0, 0.1
"""Between two questions to systemd, which cost a process each, while the unit's main process is there, and after it."""
KILLED = "2"  # CLD_KILLED
DUMPED = "3"  # CLD_DUMPED


class Gone(Exception):
    """The unit is not there any more."""


class Unit:
    """A transient unit. systemd is asked when the unit's main process has ended, and now and then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = ""
        self._asked = float("-inf")

    def status(self) -> Optional[int]:
        """The exit status once the main process ended (128 and the number for a signal), and None while it runs."""
        pause = LOOK_SECONDS if os.path.exists(self._process) else GONE_SECONDS
        if time.monotonic() < self._asked + pause:
            return None
        self._asked = time.monotonic()
        facts = self._facts("LoadState", "ActiveState", "SubState", "MainPID", "ExecMainCode", "ExecMainStatus")
        if facts["LoadState"] != "loaded":
            raise Gone
        if facts["ActiveState"] != "failed" and facts["SubState"] != "exited":
            self._process = f"/proc/{facts['MainPID']}"
            return None
        number = int(facts["ExecMainStatus"])
        return 128 + number if facts["ExecMainCode"] in (KILLED, DUMPED) else number

    def _facts(self, *names: str) -> Dict[str, str]:
        argv = ["systemctl", "show", f"--property={','.join(names)}", f"{self.name}.service"]
        shown = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if shown.returncode:
            sys.exit(shown.stderr.decode("utf-8", "replace"))
        return dict(line.split("=", 1) for line in shown.stdout.decode("utf-8", "replace").splitlines() if "=" in line)


class Output:
    """What a unit printed from byte `offset` on. What has no line end yet is kept, and read once only."""

    def __init__(self, path: str, offset: int) -> None:
        self.path, self.offset = path, offset
        self._rest = b""

    def piece(self, final: bool) -> bytes:
        """What came since, up to the last line end; all when nothing more will come or a line is very long."""
        self._rest += self._read()
        ended = final and len(self._rest) < PIECE
        data = self._rest[: len(self._rest) if ended else self._end()]
        self._rest = self._rest[len(data) :]
        self.offset += len(data)
        return data

    def pieces(self, final: bool) -> Iterator[str]:
        """The text of each piece that is there; `offset` is the one behind it."""
        data = self.piece(final)
        while data:
            yield data.decode("utf-8", "replace")
            data = self.piece(final)

    @property
    def shown(self) -> bytes:
        """What a terminal shows of a line that carriage returns rewrite, while it has no end: its last state."""
        return last_state(self._rest) if b"\r" in self._rest else b""

    def _read(self) -> bytes:
        try:
            with open(self.path, "rb") as stream:
                stream.seek(self.offset + len(self._rest))
                return stream.read(PIECE - len(self._rest))
        except FileNotFoundError:
            return b""

    def _end(self) -> int:
        end = self._rest.rfind(b"\n") + 1
        if end or len(self._rest) < PIECE:
            return end
        # Before a state, so that none is cut in two.
        state = self._rest.rstrip(b"\r").rfind(b"\r")
        return state if state > 0 else PIECE


def last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def say(answer: Dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    output, delay, unit = Output(payload["path"], payload["offset"]), SHORTEST, Unit(payload["unit"])
    shown = b""
    while True:
        # Asked before reading: output that came before the end is then surely in the file.
        try:
            ended = unit.status()
        except Gone:
            say({"gone": True})
            return
        for text in output.pieces(final=ended is not None):
            say({"text": text, "offset": output.offset})
            delay = SHORTEST
        if output.shown not in (b"", shown):
            shown = output.shown
            say({"shown": shown.decode("utf-8", "replace")})
        if ended is not None:
            say({"status": ended})
            return
        if select.select([sys.stdin.buffer], [], [], delay)[0]:
            return  # standard input ended: nobody listens any more
        delay = min(delay * 2, LONGEST)


if __name__ == "__main__":
    main()
