"""How the programs of `hostside/` get to a host: over standard input, so that nothing is written to its disk."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

PACKAGE = "replicas.hostside"
OLDEST = (3, 6)
SYSTEM = "/usr/libexec/platform-python"
"""The Python of RHEL 8 for its own programs, FreeIPA's among them, where there may be no python3."""

# Starts the host's Python with the arguments that follow, and in UTF-8, which Python 3.6 takes from the locale alone.
# What else that path is (Python 2, for one) does not know the arguments, so it is asked for its version first.
FIND = f"""\
export LC_ALL=C.UTF-8
command -v python3 >/dev/null && exec python3 "$@"
{SYSTEM} -c 'import sys; sys.exit(sys.version_info < {OLDEST})' </dev/null 2>/dev/null && exec {SYSTEM} "$@"
host=$(uname -n)
printf '{{"error": "%s has neither python3 nor {SYSTEM} of Python {OLDEST[0]}.{OLDEST[1]} or newer.", ' "$host"
printf '"remedy": "Install python3 on %s."}}\n' "$host"
exit 127
"""

# Reads [[name, source], …] from the front of standard input: modules that the program imports first, the program last.
# What is left on standard input is the payload line, then data. An old Python must come as far as its refusal.
LOADER = f"""\
import json,os,sys,types
if sys.version_info<{OLDEST}:
    host,found=os.uname().nodename,".".join(map(str,sys.version_info[:3]))
    error="python3 on %s is Python %s; {OLDEST[0]}.{OLDEST[1]} is the oldest that will do."%(host,found)
    print(json.dumps({{"error":error,"remedy":"Install a newer python3 on %s."%host}}))
    sys.exit(1)
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


def launch(program: str, payload: Mapping[str, Any], interpreter: str = "") -> tuple[tuple[str, ...], bytes]:
    """The command that runs a program, and what goes to its standard input first: source and one JSON line.

    Unless an interpreter is named, it is the host's; where there is none that will do, the answer is an error.
    """
    code = bundle(program)
    python = (interpreter,) if interpreter else ("sh", "-c", FIND, "sh")
    argv = (*python, "-I", "-c", LOADER, str(len(code)), program)
    return argv, code + json.dumps(payload).encode() + b"\n"
