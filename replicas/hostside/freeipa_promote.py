"""Run ipa-replica-install with certificates of an opened bundle: payload folder (of freeipa_open), program, pins.

`pins` are files of the folder by the option that they are for. They reach the installer within this process, and are on
no command line. The folder is gone when the program ends, and the pins' files before the installer begins.
"""

import json
import os
import runpy
import shutil
import sys
from typing import Any, Dict, List


def arguments(folder: str, pins: Dict[str, str]) -> List[str]:
    """The installer's, from the bundle's answers and pins. Raises OSError, ValueError."""
    with open(os.path.join(folder, "answers.json"), encoding="utf-8") as stream:
        answers = json.load(stream)["promote"]
    found = []
    for option, name in pins.items():
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as stream:
            found.append(f"{option}={stream.read()}")
        os.remove(path)
    return [*answers, *found]


def main(payload: Dict[str, Any]) -> None:
    folder, program = payload["folder"], payload["program"]
    try:
        sys.argv = [program, *arguments(folder, payload["pins"])]
        # The password of the host was used up, and its file is of no use to this installer.
        os.remove(os.path.join(folder, "host_password.txt"))
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)  # nobody answers questions
        runpy.run_path(program, run_name="__main__")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(json.loads(sys.stdin.buffer.readline()))
