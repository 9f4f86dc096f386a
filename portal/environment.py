"""Secrets in environment variables: read once, and then gone."""

from __future__ import annotations

import ctypes
import os


def take(name: str) -> str:
    """The variable's value ("" when it is not set), which neither child processes nor /proc/PID/environ have any more.

    `os.environ` alone is not enough: the kernel shows the memory that the process was started with (proc(5)).
    """
    value = os.environ.get(name, "")
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    if address := library.getenv(name.encode()):
        ctypes.memset(address, 0, len(os.fsencode(value)))
    os.environ.pop(name, None)
    return value
