"""Follow a transient unit's output: payload unit, path, offset; JSON lines {"text", "offset"}, {"status"}, {"gone"}."""

import json
import os
import select
import subprocess
import sys
import time
from typing import Dict, Iterator, Optional, Tuple

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
        return dict(line.split("=", 1) for line in shown.stdout.decode("utf-8", "replace").splitlines())


def piece(path: str, offset: int, final: bool) -> bytes:
    """What came since `offset`, up to the last line end; all when nothing more will come or a line is very long."""
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            data = stream.read(PIECE)
    except FileNotFoundError:
        return b""
    if final or len(data) == PIECE and b"\n" not in data:
        return data
    return data[: data.rfind(b"\n") + 1]


def pieces(path: str, offset: int, final: bool) -> Iterator[Tuple[str, int]]:
    """The text of each piece that is there, with the offset behind it."""
    data = piece(path, offset, final)
    while data:
        offset += len(data)
        yield data.decode("utf-8", "replace"), offset
        data = piece(path, offset, final)


def say(answer: Dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    offset, delay, unit = payload["offset"], SHORTEST, Unit(payload["unit"])
    while True:
        # Asked before reading: output that came before the end is then surely in the file.
        try:
            ended = unit.status()
        except Gone:
            say({"gone": True})
            return
        for text, behind in pieces(payload["path"], offset, final=ended is not None):
            say({"text": text, "offset": behind})
            offset, delay = behind, SHORTEST
        if ended is not None:
            say({"status": ended})
            return
        if select.select([sys.stdin.buffer], [], [], delay)[0]:
            return  # standard input ended: nobody listens any more
        delay = min(delay * 2, LONGEST)


if __name__ == "__main__":
    main()
