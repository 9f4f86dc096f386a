"""Follow a transient unit's output: payload unit, path, offset; JSON lines {"text", "offset"}, {"status"}, {"gone"}."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time

PIECE = 64 * 1024
SHORTEST, LONGEST = 0.01, 0.04
"""Seconds between two looks at the file, which cost nothing beside those at the unit."""
LOOK_SECONDS = 0.1
KILLED = "2"  # CLD_KILLED
DUMPED = "3"  # CLD_DUMPED


class Gone(Exception):
    """The unit is not there any more."""


def status(unit: str) -> int | None:
    """The exit status once the main process ended (128 and the number for a signal), and None while it runs."""
    names = ("LoadState", "ActiveState", "SubState", "ExecMainCode", "ExecMainStatus")
    argv = ["systemctl", "show", f"--property={','.join(names)}", f"{unit}.service"]
    shown = subprocess.run(argv, check=False, capture_output=True, text=True)
    if shown.returncode:
        sys.exit(shown.stderr)
    facts = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    if facts["LoadState"] != "loaded":
        raise Gone
    if facts["ActiveState"] != "failed" and facts["SubState"] != "exited":
        return None
    number = int(facts["ExecMainStatus"])
    return 128 + number if facts["ExecMainCode"] in (KILLED, DUMPED) else number


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


def say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    offset, delay, next_look = payload["offset"], SHORTEST, 0.0
    while True:
        # Asked before reading: output that came before the end is then surely in the file.
        ended = None
        if time.monotonic() >= next_look:
            try:
                ended = status(payload["unit"])
            except Gone:
                say({"gone": True})
                return
            next_look = time.monotonic() + LOOK_SECONDS
        while data := piece(payload["path"], offset, final=ended is not None):
            offset += len(data)
            say({"text": data.decode("utf-8", "replace"), "offset": offset})
            delay = SHORTEST
        if ended is not None:
            say({"status": ended})
            return
        if select.select([sys.stdin.buffer], [], [], delay)[0]:
            return  # standard input ended: nobody listens any more
        delay = min(delay * 2, LONGEST)


if __name__ == "__main__":
    main()
