"""Run ipa-client-install with what an opened bundle says: payload folder (of freeipa_open), program.

The one-time password reaches the installer within this process: it is on no command line of ours and in no environment.
The folder is gone when the program ends, and the password's file before the installer begins.
"""

import json
import os
import runpy
import shutil
import sys
from typing import Any, Dict, List


def arguments(folder: str) -> List[str]:
    """The installer's, from the bundle's answers, password and authority. Raises OSError, ValueError."""
    with open(os.path.join(folder, "answers.json"), encoding="utf-8") as stream:
        answers = json.load(stream)["enrol"]
    path = os.path.join(folder, "host_password.txt")
    with open(path, encoding="utf-8") as stream:
        password = stream.read()
    os.remove(path)
    return [*answers, f"--ca-cert-file={os.path.join(folder, 'ca.crt')}", f"--password={password}"]


def main(payload: Dict[str, Any]) -> None:
    folder, program = payload["folder"], payload["program"]
    try:
        sys.argv = [program, *arguments(folder)]
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)  # nobody answers questions
        runpy.run_path(program, run_name="__main__")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(json.loads(sys.stdin.buffer.readline()))
