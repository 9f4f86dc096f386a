"""How the programs of `hostside/` get to a host: over standard input, so that nothing is written to its disk."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

# Reads the program's own source first; what is left on standard input is the payload line, then data.
LOADER = 'import sys;exec(compile(sys.stdin.buffer.read(int(sys.argv[1])),sys.argv[2],"exec"))'


@functools.cache
def source(program: str) -> bytes:
    return resources.files("replicas.hostside").joinpath(f"{program}.py").read_bytes()


def launch(program: str, payload: Mapping[str, Any]) -> tuple[tuple[str, ...], bytes]:
    """The command that runs a program, and what goes to its standard input first: source and one JSON line."""
    code = source(program)
    argv = ("python3", "-I", "-c", LOADER, str(len(code)), program)
    return argv, code + json.dumps(payload).encode() + b"\n"
