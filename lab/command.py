"""Run programs on the machine itself."""

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any


class LabError(Exception):
    """A lab could not be made, changed or removed; the message says why."""


class Unavailable(LabError):
    """The package archive does not have what a lab is built from."""


def run(
    argv: Sequence[str], *, input: bytes | None = None, check: bool = True, timeout: float = 300
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program; one that fails, or takes longer than `timeout` seconds, raises LabError with what it printed."""
    # Without input a program must not read what this process was given on its own standard input.
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    result: subprocess.CompletedProcess[bytes]
    try:
        result = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, **source)
    except subprocess.TimeoutExpired as error:
        printed = ((error.stderr or b"") + (error.stdout or b"")).decode(errors="replace")[-2000:].strip()
        raise LabError(f"{' '.join(argv)} did not end within {timeout:.0f} s: {printed}") from None
    if check and result.returncode != 0:
        output = (result.stderr + result.stdout).decode(errors="replace").strip()
        raise LabError(f"{' '.join(argv)} ended with {result.returncode}: {output}")
    return result


def until(done: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Wait until something holds; raise LabError with the complaint when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise LabError(f"{complaint} after {seconds:.0f} s")
        time.sleep(0.05)
