"""Run programs on the machine itself."""

import subprocess
from collections.abc import Sequence


class LabError(Exception):
    """A lab could not be made, changed or removed; the message says why."""


def run(
    argv: Sequence[str], *, input: bytes | None = None, check: bool = True, timeout: float = 300
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program; one that fails raises LabError with what it printed."""
    # Without input a program must not read what this process was given on its own standard input.
    stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    result = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, **stdin)  # type: ignore[call-overload]
    if check and result.returncode != 0:
        output = (result.stderr + result.stdout).decode(errors="replace").strip()
        raise LabError(f"{' '.join(argv)} ended with {result.returncode}: {output}")
    return result  # type: ignore[no-any-return]
