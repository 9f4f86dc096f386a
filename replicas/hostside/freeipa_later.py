"""Run an installer of FreeIPA that wants the Directory Manager password: payload program, arguments, password.

The password reaches the installer within this process: it is on no command line and in no environment.
"""

import json
import os
import runpy
import sys
from typing import Any, Dict


def main(payload: Dict[str, Any]) -> None:
    program = payload["program"]
    sys.argv = [program, *payload["arguments"], f"--password={payload.pop('password')}"]
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # nobody answers questions
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(json.loads(sys.stdin.buffer.readline()))
