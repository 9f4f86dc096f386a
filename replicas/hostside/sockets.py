"""Name what listens on a host, from /proc: each socket with its process and systemd unit.

Payload: ports, to hear of those only. Answers {"listeners": [...]}, each with port, protocol (tcp, udp), address,
process and unit, the last two empty where the kernel itself listens.
"""

import contextlib
import json
import os
import socket
import struct
import sys
from typing import Any, Dict, Iterator, List, Tuple

TABLES = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
LISTENING, UNCONNECTED = "0A", "07"
"""States of sockets (include/net/tcp_states.h): what TCP and UDP that take packets of anybody are in."""


def rows(table: str, protocol: str) -> Iterator[Tuple[str, int, str]]:
    """Yield address, port and inode of each listening socket of a table; none where there is no such protocol."""
    wanted = LISTENING if protocol == "tcp" else UNCONNECTED
    with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{table}", encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if len(words) > 9 and words[3] == wanted:
                place, _, port = words[1].partition(":")
                yield address(place), int(port, 16), words[9]


def address(place: str) -> str:
    """An address as the tables have it: words of 32 bits, each in the byte order of the machine."""
    number = b"".join(struct.pack("=I", int(place[at : at + 8], 16)) for at in range(0, len(place), 8))
    return socket.inet_ntop(socket.AF_INET if len(number) == 4 else socket.AF_INET6, number)


def owners(inodes: List[str]) -> Dict[str, str]:
    """The process of each socket, the oldest where several have it."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: Dict[str, str] = {}
    for process in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
        with contextlib.suppress(OSError):
            for handle in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    inode = wanted.get(os.readlink(f"/proc/{process}/fd/{handle}"))
                    if inode:
                        found.setdefault(inode, process)
    return found


def name(process: str) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:
        return stream.read().strip()
    return ""


def unit(process: str) -> str:
    """The systemd service or socket that a process belongs to."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/cgroup", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            for part in reversed(line.strip().split(":", 2)[-1].split("/")):
                if part.endswith((".service", ".socket")):
                    return part
    return ""


def main(payload: Dict[str, Any]) -> Dict[str, Any]:
    ports = set(payload["ports"])
    found = [
        (where, port, inode, protocol)
        for table, protocol in TABLES
        for where, port, inode in rows(table, protocol)
        if port in ports
    ]
    processes = owners([inode for _, _, inode, _ in found]) if found else {}
    listeners = [
        {"port": port, "protocol": protocol, "address": where, **described(processes.get(inode, ""))}
        for where, port, inode, protocol in found
    ]
    return {"listeners": listeners}


def described(process: str) -> Dict[str, str]:
    """A process that is known by its number, and has perhaps ended since."""
    return {"process": name(process) if process else "", "unit": unit(process) if process else ""}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
