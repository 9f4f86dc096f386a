"""What was probably meant by something that is not a host name: a URL, an SSH target, a name with a port."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
HYPHENS = re.compile("[\u2010-\u2015\u2212]")
AROUND = " \t\r\n\u00a0,;\"'`<>()[]{}\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
COMMAND = re.compile(r"^(ssh|ping)\s+(?=\S+$)", re.IGNORECASE)
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:/{1,3}", re.IGNORECASE)
PRINCIPAL = re.compile(r"^[a-z]+/([^/@]+)(@[^/@]*)?$", re.IGNORECASE)
PORT = re.compile(r":[0-9]{0,5}$")
SPACED_PORT = re.compile(r"^(\S+\.\S+)\s+(?:port\s+)?[0-9]{1,5}$", re.IGNORECASE)
HOSTS_LINE = re.compile(r"^[0-9a-f.:]*[0-9a-f][.:][0-9a-f.:]*\s+([^\s.]+\.\S+)(?:\s+[^\s.]+)*$", re.IGNORECASE)
"""An address, the full name, and short names, as in /etc/hosts."""


def offer(text: str) -> str:
    """Return a likely host name, which the caller validates; "" when none is likely.

    Nothing is taken out of the middle of a name: what is left would be another name.
    """
    text = HYPHENS.sub("-", HIDDEN.sub("", unicodedata.normalize("NFKC", text))).strip(AROUND)
    labels = _one_name(_without_surroundings(text)).lower().replace("_", "-").strip(".").split(".")
    if not all(label.isascii() for label in map(_without_accents, labels)):
        return ""  # a name without the letters that ASCII lacks would be another name
    cleaned = [re.sub(r"^[^a-z0-9]+|[^a-z0-9]+$", "", _without_accents(label)) for label in labels]
    if any(label.strip("-") and not clean for label, clean in zip(labels, cleaned, strict=True)):
        return ""  # a label of other characters, such as a star, stood for something
    return ".".join(filter(None, cleaned))


def _without_surroundings(text: str) -> str:
    """Return the host of a URL, an SSH target, a principal or HOST:PORT; otherwise the text as it is."""
    text = COMMAND.sub("", text)
    for surrounded in (SPACED_PORT, HOSTS_LINE):
        text = surrounded.sub(r"\1", text)
    if principal := PRINCIPAL.match(text):
        return principal[1]
    host = re.split(r"[/?#\\]", SCHEME.sub("", text), maxsplit=1)[0]
    return PORT.sub("", host.rpartition("@")[2]).strip(AROUND)


def _one_name(text: str) -> str:
    """Return the name without its spaces: hyphens in its first part, nothing around a dot; "" for several names."""
    first, *others = re.sub(r"\s*\.\s*", ".", text).split()[::-1] or [""]
    return "" if any("." in other for other in others) else "-".join([*others[::-1], first])


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
