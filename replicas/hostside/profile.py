"""The files of MIT Kerberos, krb5.conf and kdc.conf: sections, subsections, includes, comments (krb5.conf(5))."""

import os
import re
from typing import Any, Callable, Dict, Iterator, List, Optional

Section = Dict[str, List[Any]]
"""Every value of each name in order: text, or a section for what is in braces."""
INCLUDED = re.compile(r"[A-Za-z0-9_-]+\Z|(?!\.).*\.conf\Z")
"""Names of files that `includedir` takes."""
INCLUDE = re.compile(r"(include|includedir)\s+(?!=)(.*)\Z")
MODULE = re.compile(r"module\s")
HEADER = re.compile(r"\[([^\]]+)\]\s*(\*?)\s*\Z")
RELATION = re.compile(r"([^\s=*{}\"]+(?: [^\s=*{}\"]+)*|\"[^\"]*\")(\*?)\s*=\s*(.*)\Z")
ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}
DEEPEST = 10


class Malformed(ValueError):
    """The file is not in the format of krb5.conf."""


def load(path: str, read: Optional[Callable[[str], str]] = None) -> Section:
    """Return a file with all that it includes. Raises OSError for the file itself, Malformed."""
    found: Section = {}
    _Reader(read or text_of, found).file(path, 0)
    return found


def text_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def first(section: Section, *names: str) -> str:
    """The first value under these names, which is the one that counts; an empty string when there is none.

    Sections of one name are read as one.
    """
    found: List[Any] = [section]
    for name in names:
        found = [value for part in found if isinstance(part, dict) for value in part.get(name, [])]
    return next((value for value in found if isinstance(value, str)), "")


def relations(section: Section, *names: str) -> Iterator[Any]:
    """Yield (name, value) of all that is in the sections of these names, in the order of the file."""
    found: List[Any] = [section]
    for name in names:
        found = [value for part in found if isinstance(part, dict) for value in part.get(name, [])]
    for part in found:
        if isinstance(part, dict):
            for name, values in part.items():
                for value in values:
                    yield name, value


class _Reader:
    """Reads files into one section."""

    def __init__(self, read: Callable[[str], str], found: Section) -> None:
        self.read, self.found = read, found

    def file(self, path: str, depth: int) -> None:
        """Raises Malformed, OSError."""
        if depth > DEEPEST:
            raise Malformed(f"{path} is included by itself")
        outer: List[Section] = []
        pending: Optional[Section] = None
        for number, raw in enumerate(re.split(r"\r\n|\r|\n", self.read(path).lstrip("\ufeff")), 1):
            line = raw.strip()
            if not line or line[0] in "#;":
                continue
            if pending is not None and line == "{":
                outer.append(pending)
                pending = None
                continue
            include = INCLUDE.match(line)
            if include:
                for included in _included(include.group(1), include.group(2)):
                    self.file(included, depth + 1)
                continue
            try:
                pending = self._line(line, outer)
            except Malformed as error:
                raise Malformed(f"{path}, line {number}: {error}") from None
        if len(outer) > 1:
            raise Malformed(f"{path}: a brace is not closed")

    def _line(self, line: str, outer: List[Section]) -> Optional[Section]:
        """Take in a line, and return the section whose brace is expected on the next one."""
        header, relation = HEADER.match(line), RELATION.match(line)
        if header:
            outer[:] = [_deeper(self.found, header.group(1))]
        elif line.startswith("}"):
            if len(outer) < 2:
                raise Malformed("there is nothing to close")
            outer.pop()
        elif relation and outer:
            return _relation(relation.group(1).strip('"').strip(), relation.group(3).strip(), outer)
        elif not MODULE.match(line):
            raise Malformed("neither a section nor a relation")
        return None


def _relation(name: str, value: str, outer: List[Section]) -> Optional[Section]:
    if value == "{":
        outer.append(_deeper(outer[-1], name))
    elif value == "":
        return _deeper(outer[-1], name)
    else:
        outer[-1].setdefault(name, []).append(_plain(value))
    return None


def _deeper(section: Section, name: str) -> Section:
    new: Section = {}
    section.setdefault(name, []).append(new)
    return new


def _included(word: str, place: str) -> List[str]:
    if word == "include":
        return [place]
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return []
    return [os.path.join(place, name) for name in names if INCLUDED.match(name)]


def _plain(value: str) -> str:
    if not value.startswith('"'):
        return value
    inner = re.match(r'"((?:[^"\\]|\\.)*)"', value)
    if inner is None:
        raise Malformed(f"a quote is not closed: {value[:40]}")
    return re.sub(r"\\(.)", lambda one: ESCAPES.get(one.group(1), one.group(1)), inner.group(1))
