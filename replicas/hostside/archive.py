"""The tar inside a bundle, read as if an attacker wrote it: anything but a flat folder of small files is refused."""

import configparser
import os
import re
import shutil
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

FOLDER = "realm_info"
MEMBER = re.compile(r"realm_info/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})")
BLOCK = 512
REGULAR, DIRECTORY, EXTENDED = b"0", b"5", b"x"
# Extended headers carry times for tools that write them; one that changes what or where a member is, is refused.
DECISIVE = re.compile(rb"(?:^|\n)\d+ (?:path|linkpath|size|GNU\.[^=]*)=")
LONGEST_EXTENSION = 4096


class BadBundle(Exception):
    """The archive is not one of a bundle; the message says what is wrong with it."""


class Limits(NamedTuple):
    """The most that a bundle may hold: bytes of one member, bytes of all, number of members."""

    member: int = 1 << 20
    total: int = 8 << 20
    members: int = 64


def members(stream: BinaryIO, limits: Limits) -> Iterator[Tuple[str, bytes]]:
    """File names (without the folder) and contents (POSIX.1-1988 ustar, GNU included). Raises BadBundle.

    Headers are read here and not by tarfile, whose formats have more ways to say where a file goes than a bundle needs.
    """
    seen: Set[str] = set()
    total = 0
    for name, kind, size in iter(lambda: _header(stream), None):
        if kind == EXTENDED:
            _skip_extension(stream, size)
            continue
        if kind == DIRECTORY and name.rstrip("/") == FOLDER and size == 0:
            continue
        short = _member(name, kind)
        if short in seen:
            raise BadBundle(f"{name!r} is in it twice")
        seen.add(short)
        total += size
        if len(seen) > limits.members:
            raise BadBundle(f"it has more than {limits.members} members")
        if size > limits.member:
            raise BadBundle(f"{name!r} is larger than {limits.member} bytes")
        if total > limits.total:
            raise BadBundle(f"its members are larger than {limits.total} bytes together")
        yield short, _content(stream, size)
    if not seen:
        raise BadBundle(f"there is nothing in {FOLDER}/")


def extract(stream: BinaryIO, target: str, limits: Limits) -> List[str]:
    """Unpack into the new folder `target` (0700, files 0600) and name its files; nothing is left when it raises."""
    os.mkdir(target, 0o700)
    try:
        names = []
        for name, content in members(stream, limits):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(os.path.join(target, name), flags, 0o600), "wb") as file:
                file.write(content)
            names.append(name)
    except BaseException:
        shutil.rmtree(target)
        raise
    return names


def describe(content: bytes) -> Dict[str, str]:
    """The section `realm` of the member `realm_info`. Raises BadBundle."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(content.decode("utf-8"))
        return dict(parser["realm"])
    except (UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise BadBundle("its member realm_info is not an INI file with a section realm") from error


def _member(name: str, kind: bytes) -> str:
    if kind != REGULAR:
        raise BadBundle(f"{name!r} is not a regular file")
    match = MEMBER.fullmatch(name)
    if match is None:
        raise BadBundle(f"{name!r} is not a file directly in {FOLDER}/")
    return match.group(1)


def _header(stream: BinaryIO) -> Optional[Tuple[str, bytes, int]]:
    """Name, type and size of the next member, and None at the end of the archive."""
    block = stream.read(BLOCK)
    if len(block) != BLOCK:
        raise BadBundle("it ends in the middle")
    if not any(block):
        return None
    if block[257:262] != b"ustar":
        raise BadBundle("it is not a tar archive")
    unsigned = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if _octal(block[148:156]) != unsigned:
        raise BadBundle("a header's checksum is wrong")
    # The GNU format («ustar  ») has times where POSIX has a prefix.
    prefix = b"" if block[262:263] == b" " else block[345:500].split(b"\0")[0]
    name = block[:100].split(b"\0")[0]
    path = (prefix + b"/" + name if prefix else name).decode("ascii", "backslashreplace")
    kind = block[156:157]
    return path, REGULAR if kind == b"\0" else kind, _octal(block[124:136])


def _octal(field: bytes) -> int:
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]{1,12}", digits):
        raise BadBundle("a header has a number that is not octal")
    return int(digits, 8)


def _content(stream: BinaryIO, size: int) -> bytes:
    padded = -(-size // BLOCK) * BLOCK
    content = stream.read(padded)
    if len(content) != padded:
        raise BadBundle("it ends in the middle")
    return content[:size]


def _skip_extension(stream: BinaryIO, size: int) -> None:
    if size > LONGEST_EXTENSION or DECISIVE.search(_content(stream, size)):
        raise BadBundle("an extended header changes what a member is")
