"""Keytabs for tests, as MIT Kerberos describes their format."""

from __future__ import annotations

import struct

from replicas.clients.keytab import MAGIC


def counted(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def entry(*names: str, realm: str = "EXAMPLE.COM", key: bytes = b"k" * 32) -> bytes:
    who = struct.pack(">H", len(names)) + b"".join(map(counted, (realm, *names)))
    content = who + struct.pack(">IIBHH", 1, 1_700_000_000, 1, 18, len(key)) + key + struct.pack(">I", 1)
    return struct.pack(">i", len(content)) + content


def hole(size: int) -> bytes:
    return struct.pack(">i", -size) + b"\0" * size


def keytab(*entries: bytes) -> bytes:
    return MAGIC + b"".join(entries)
