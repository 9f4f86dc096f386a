"""Sign and publish a revocation list: answers {"published": path}."""

import json
import os
import sys
from typing import Dict

from replicas.hostside import native_ca


def main() -> Dict[str, object]:
    try:
        native_ca.publish()
    except (native_ca.Failed, OSError) as error:
        return {
            "error": f"The authority on {os.uname().nodename} cannot sign a revocation list: {error}.",
            "remedy": f"Look at {native_ca.FOLDER} there.",
        }
    return {"published": native_ca.PUBLISHED}


if __name__ == "__main__":
    sys.stdin.buffer.readline()
    print(json.dumps(main()))
