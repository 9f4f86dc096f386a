"""LDIF as RFC 2849 defines it, and distinguished names as RFC 4514 does: reading, comparing and writing."""

import base64
import binascii
import codecs
import re
from typing import Iterator, List, Optional, Tuple

Attributes = List[Tuple[str, bytes]]
SAFE = re.compile(rb"(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )")
"""Values that need no base64: ASCII that does not begin like something else, and does not end with a space."""
WIDTH = 78


class Malformed(ValueError):
    """The text is not LDIF, or a name is not a distinguished name."""


class Entry:
    """A name and its attributes, in the order of the file; names of attributes as they are written there."""

    def __init__(self, dn: str, attributes: Attributes) -> None:
        self.dn, self.attributes = dn, attributes

    def values(self, name: str) -> List[str]:
        """The values of an attribute, whatever its case."""
        return [value.decode("utf-8", "replace") for known, value in self.attributes if known.lower() == name.lower()]

    def value(self, name: str) -> str:
        """The first value of an attribute, or an empty string."""
        return (self.values(name) or [""])[0]

    def replace(self, name: str, *values: str) -> None:
        """Give an attribute these values only."""
        kept = [(known, value) for known, value in self.attributes if known.lower() != name.lower()]
        self.attributes = kept + [(name, value.encode()) for value in values]


def parse(content: bytes) -> List[Entry]:
    """Return the entries of LDIF content: folded lines, base64, comments, any line ends. Raises Malformed."""
    entries: List[Entry] = []
    current: Optional[Entry] = None
    for line in unfolded(content):
        if not line:
            current = None
            continue
        name, value = attribute(line)
        if current is not None:
            current.attributes.append((name, value))
        elif name.lower() == "dn":
            current = Entry(value.decode("utf-8", "replace"), [])
            entries.append(current)
        elif name.lower() != "version":
            raise Malformed(f"the entry that begins with {name} has no name")
    return entries


def unfolded(content: bytes) -> Iterator[bytes]:
    """Yield the lines with what was folded joined, without comments; empty ones separate entries."""
    held: Optional[bytes] = None
    content = content[len(codecs.BOM_UTF8) :] if content.startswith(codecs.BOM_UTF8) else content
    for line in content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line.startswith(b" ") and held is not None:
            held += line[1:]
            continue
        if held is not None and not held.startswith(b"#"):
            yield held
        held = line
        if not line:
            yield line
            held = None
    if held is not None and not held.startswith(b"#"):
        yield held


def attribute(line: bytes) -> Tuple[str, bytes]:
    """The name and the value of a line. Raises Malformed."""
    name, colon, rest = line.partition(b":")
    if not colon or not re.match(rb"[A-Za-z0-9][A-Za-z0-9.;_-]*\Z", name):
        raise Malformed(f"a line is not an attribute: {line[:40]!r}")
    if rest.startswith(b":"):
        try:
            return name.decode("ascii"), base64.b64decode(rest[1:].strip(b" "), validate=True)
        except binascii.Error:
            raise Malformed(f"the value of {name.decode('ascii')} is not base64") from None
    if rest.startswith(b"<"):
        raise Malformed(f"the value of {name.decode('ascii')} is in another file")
    return name.decode("ascii"), rest.lstrip(b" ")


def compose(entries: List[Entry]) -> bytes:
    """Return the entries as LDIF, with long lines folded."""
    return b"\n".join(
        b"".join(written(name, value) for name, value in [("dn", entry.dn.encode()), *entry.attributes])
        for entry in entries
    )


def written(name: str, value: bytes) -> bytes:
    """One attribute with its line end, folded."""
    if SAFE.fullmatch(value):
        line = name.encode("ascii") + b":" + (b" " + value if value else b"")
    else:
        line = name.encode("ascii") + b":: " + base64.b64encode(value)
    pieces = [line[:WIDTH]] + [b" " + line[n : n + WIDTH - 1] for n in range(WIDTH, len(line), WIDTH - 1)]
    return b"\n".join(pieces) + b"\n"


def find(entries: List[Entry], dn: str) -> Optional[Entry]:
    """The entry of that name, however it is written."""
    wanted = parts(dn)
    return next((entry for entry in entries if parts(entry.dn) == wanted), None)


def below(dn: str, suffix: str) -> bool:
    """Whether a name is the suffix, or a name below it."""
    own, end = parts(dn), parts(suffix)
    return len(own) >= len(end) and own[len(own) - len(end) :] == end


def parts(dn: str) -> Tuple[str, ...]:
    """The parts of a name in one form: lower case, no spaces around them, escapes and quotes resolved.

    Raises Malformed.
    """
    return tuple(_part(text) for text in split(dn, ",;")) if dn.strip() else ()


def _part(text: str) -> str:
    pairs = []
    for pair in split(text, "+"):
        name, equals, value = pair.partition("=")
        if not equals:
            raise Malformed(f"{text!r} is not a part of a name")
        pairs.append(f"{name.strip().lower()}={plain(value.strip(' ')).lower()}")
    return "+".join(sorted(pairs))


def split(text: str, separators: str) -> List[str]:
    """Split where a separator is neither escaped nor in quotes."""
    found, start, quoted, position = [], 0, False, 0
    while position < len(text):
        letter = text[position]
        if letter == "\\":
            position += 1
        elif letter == '"':
            quoted = not quoted
        elif letter in separators and not quoted:
            found.append(text[start:position])
            start = position + 1
        position += 1
    return [*found, text[start:]]


def unquoted(value: str) -> str:
    """A value without the quotes around it; older Directory Servers store suffixes with them."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def plain(value: str) -> str:
    """A value without quotes and escapes; pairs of hexadecimal digits are UTF-8."""
    value = unquoted(value)
    found, position = bytearray(), 0
    while position < len(value):
        if value[position] == "\\" and position + 1 < len(value):
            pair = value[position + 1 : position + 3]
            if re.match(r"[0-9A-Fa-f]{2}\Z", pair):
                found.append(int(pair, 16))
                position += 3
                continue
            position += 1
        found += value[position].encode()
        position += 1
    return re.sub(" +", " ", found.decode("utf-8", "replace"))
