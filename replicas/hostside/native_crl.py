"""Sign and publish a revocation list: answers {"published": path}."""

import json
import sys
from typing import Dict

from replicas.hostside import native_ca


def main() -> Dict[str, object]:
    try:
        native_ca.publish()
    except (native_ca.Failed, OSError) as error:
        return native_ca.cannot("sign a revocation list", error)
    return {"published": native_ca.PUBLISHED}


if __name__ == "__main__":
    sys.stdin.buffer.readline()
    print(json.dumps(main()))
