"""Kerberos keytabs in the format of MIT Kerberos: whose keys are in them. The keys themselves are not read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from replicas.errors import PortalError

MAGIC = b"\x05\x02"
"""Of version 2, the only one that has been written since 1993."""
LARGEST = 64 * 1024


class KeytabError(PortalError):
    """A file is no keytab, or not one for this realm."""


@dataclass(frozen=True, slots=True)
class Keytab:
    """The keys of an account, to sign in without a password."""

    content: bytes = field(repr=False)
    principal: str
    realm: str

    @classmethod
    def read(cls, content: bytes, realm: str) -> Self:
        """With the first principal of the realm. Raises KeytabError."""
        found = list(dict.fromkeys(principals(content)))
        for principal in found:
            if principal.rpartition("@")[2] == realm:
                return cls(content, principal, realm)
        raise KeytabError(
            f"The keytab has no key of the realm {realm}, but of {', '.join(found) or 'nobody'}.",
            f"Get one of an account of {realm}: ipa-getkeytab -p ACCOUNT -k FILE.",
        )


def principals(content: bytes) -> Iterator[str]:
    """Of each key, in the order of the file. Raises KeytabError."""
    if not content.startswith(MAGIC) or len(content) > LARGEST:
        raise KeytabError("This is not a Kerberos keytab.", "Choose the file that ipa-getkeytab or ktutil wrote.")
    place = len(MAGIC)
    try:
        while place < len(content):
            (size,) = struct.unpack_from(">i", content, place)
            place += 4
            # A negative size is that of a hole, where an entry was removed; zero ends the file.
            if size == 0:
                return
            if size > 0:
                yield _principal(content[place : place + size], size)
            place += abs(size)
    except (struct.error, UnicodeDecodeError) as error:
        raise KeytabError("The keytab is damaged or cut off.", "Copy the file again, as binary.") from error


def _principal(entry: bytes, size: int) -> str:
    if len(entry) < size:
        raise struct.error
    (count,) = struct.unpack_from(">H", entry)
    place, parts = 2, list[str]()
    for _ in range(count + 1):
        (length,) = struct.unpack_from(">H", entry, place)
        part = entry[place + 2 : place + 2 + length]
        if len(part) < length:
            raise struct.error
        parts.append(part.decode())
        place += 2 + length
    # After the names come their type, a time and a short version; a key without its type and length is none.
    struct.unpack_from(">IIBHH", entry, place)
    realm, *names = parts
    return f"{'/'.join(names)}@{realm}"
