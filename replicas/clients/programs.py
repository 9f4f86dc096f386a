"""How the programs of `hostside/` get to a host: over standard input, so that nothing is written to its disk."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

PACKAGE = "replicas.hostside"

# Reads [[name, source], …] from the front of standard input: modules that the program imports first, the program last.
# What is left on standard input is the payload line, then data.
LOADER = f"""\
import json,sys,types
*modules,(name,source)=json.loads(sys.stdin.buffer.read(int(sys.argv[1])))
package=sys.modules["{PACKAGE}"]=types.ModuleType("{PACKAGE}")
for part,text in modules:
    module=sys.modules["{PACKAGE}."+part]=types.ModuleType("{PACKAGE}."+part)
    exec(compile(text,part+".py","exec"),module.__dict__)
    setattr(package,part,module)
exec(compile(source,name+".py","exec"))
"""


@functools.cache
def bundle(program: str) -> bytes:
    """The program with the hostside modules it imports, each after those that it needs itself, as JSON."""
    parts: dict[str, str] = {}
    _collect(program, parts)
    return json.dumps(list(parts.items())).encode()


def _collect(name: str, parts: dict[str, str]) -> None:
    text = resources.files(PACKAGE).joinpath(f"{name}.py").read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            for alias in node.names:
                if alias.name not in parts:
                    _collect(alias.name, parts)
    parts[name] = text


def launch(program: str, payload: Mapping[str, Any]) -> tuple[tuple[str, ...], bytes]:
    """The command that runs a program, and what goes to its standard input first: source and one JSON line."""
    code = bundle(program)
    argv = ("python3", "-I", "-c", LOADER, str(len(code)), program)
    return argv, code + json.dumps(payload).encode() + b"\n"
