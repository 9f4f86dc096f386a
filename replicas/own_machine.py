"""The addresses of the machine that the portal runs on, from the kernel's tables (proc(5))."""

from __future__ import annotations

import contextlib
import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

ROUTES, INTERFACES = Path("/proc/net/fib_trie"), Path("/proc/net/if_inet6")
LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s*/32 host LOCAL")
LINE = re.compile(r"^([0-9a-f]{32}) ", re.MULTILINE)


def addresses() -> frozenset[IPv4Address | IPv6Address]:
    """Return every address of every interface; those of a table that cannot be read are missing."""
    found: set[IPv4Address | IPv6Address] = set()
    with contextlib.suppress(OSError):
        found |= {IPv4Address(word) for word in LOCAL.findall(ROUTES.read_text("ascii", "replace"))}
    with contextlib.suppress(OSError):
        lines = LINE.findall(INTERFACES.read_text("ascii", "replace"))
        found |= {IPv6Address(bytes.fromhex(digits)) for digits in lines}
    return frozenset(found)
