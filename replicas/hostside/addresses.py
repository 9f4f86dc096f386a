"""Facts of a host for checks; payload {"folders": [...], "resolve": [names]}; sizes in bytes, clock in Unix seconds."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import Dict, List


def interfaces() -> List[Dict[str, object]]:
    """Every address of every interface that is not loopback, link-local ones left out."""
    shown = subprocess.run(["ip", "-json", "address", "show"], check=True, stdout=subprocess.PIPE).stdout
    return [
        {"interface": link["ifname"], "address": entry["local"], "prefix": entry["prefixlen"]}
        for link in json.loads(shown)
        for entry in link.get("addr_info", [])
        if entry.get("scope") == "global" and "local" in entry
    ]


def fqdn() -> str:
    asked = subprocess.run(["hostname", "-f"], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return asked.stdout.decode("utf-8", "replace").strip() or socket.gethostname()


def ipv6() -> bool:
    try:
        with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", encoding="ascii") as switch:
            return switch.read().strip() == "0"
    except FileNotFoundError:
        return False


def memory() -> Dict[str, int]:
    with open("/proc/meminfo", encoding="ascii") as lines:
        fields = (line.split() for line in lines)
        kibibytes = {words[0].rstrip(":"): int(words[1]) for words in fields if len(words) > 1}
    return {"total": 1024 * kibibytes["MemTotal"], "available": 1024 * kibibytes["MemAvailable"]}


def free(folder: str) -> Dict[str, int]:
    """Of the file system that holds the folder, or will: its nearest parent that exists is asked."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    usage = shutil.disk_usage(folder)
    return {"total": usage.total, "free": usage.free}


def resolve(name: str) -> List[str]:
    """What the host's own resolver answers, in its order."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    answer = {
        "hostname": os.uname().nodename,
        "fqdn": fqdn(),
        "addresses": interfaces(),
        "ipv6": ipv6(),
        "memory": memory(),
        "disk": {folder: free(folder) for folder in payload.get("folders", [])},
        "resolved": {name: resolve(name) for name in payload.get("resolve", [])},
        "clock": time.time(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
