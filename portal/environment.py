"""Environment variables: each value is normalized, or refused with the variable's name and a remedy."""

from __future__ import annotations

import base64
import ctypes
import math
import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ON, OFF = ("1", "on", "yes", "y", "true", "t", "ok"), ("0", "off", "no", "n", "false", "f")
LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL"} | {
    name: name for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
}
KEY_BYTES = 32
MAX_SHOWN = 80
"""Characters of a wrong value that a message quotes."""


class SettingError(ImproperlyConfigured):
    """A variable that cannot be used. The message never repeats a secret."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name} {problem}. {remedy}")


def take(name: str) -> str:
    """Return a secret ("" when it is not set), which neither child processes nor /proc/PID/environ have any more.

    `os.environ` alone is not enough: the kernel shows the memory that the process was started with (proc(5)).

    Raises SettingError.
    """
    value = os.environ.get(name, "")
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    if address := library.getenv(name.encode()):
        ctypes.memset(address, 0, len(os.fsencode(value)))
    os.environ.pop(name, None)
    return _clean(name, value)


def text(name: str, default: str = "") -> str:
    """Return the value in one line, or the default when it is not set or empty. Raises SettingError."""
    value = _clean(name, os.environ.get(name, ""))
    if not value.isprintable():
        raise SettingError(name, "has a line break or a control character", "Write its value in one line.")
    return value or default


def entries(name: str) -> list[str]:
    """Return the entries of a list, which commas, semicolons or white space separate. Raises SettingError."""
    value = _clean(name, os.environ.get(name, ""))
    words = (unquote(word) for word in re.split(r"[\s,;]+", value))
    return list(dict.fromkeys(word for word in words if word))


def boolean(name: str, default: bool = False) -> bool:
    """Return whether it is on. Raises SettingError for every word that means neither on nor off."""
    value = text(name).lower()
    if value and value not in ON + OFF:
        raise SettingError(name, f"is {shown(value)}, which is neither on nor off", "Write 1 or 0.")
    return value in ON if value else default


def integer(name: str, default: int, minimum: int, maximum: int) -> int:
    """Return a whole number within the limits. Raises SettingError."""
    value = text(name, str(default))
    if not re.fullmatch(r"[+-]?[0-9]{1,15}", value, re.ASCII) or not minimum <= int(value) <= maximum:
        remedy = f"Write a whole number from {minimum} to {maximum}."
        raise SettingError(name, f"is {shown(value)}", remedy)
    return int(value)


def number(name: str, default: float, minimum: float, maximum: float) -> float:
    """Return a number within the limits. Raises SettingError."""
    value = text(name, str(default))
    try:
        result = float(value)
    except ValueError:
        result = math.nan
    if not minimum <= result <= maximum:  # also refuses what is not a number
        raise SettingError(name, f"is {shown(value)}", f"Write a number from {minimum:g} to {maximum:g}.")
    return result


def level(name: str, default: str) -> str:
    """Return the name of a log level. Raises SettingError."""
    value = text(name, default).upper()
    if value not in LEVELS:
        raise SettingError(name, f"is {shown(value)}", "Write DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    return LEVELS[value]


def folder(name: str, default: Path) -> Path:
    """Return a directory, which is made when it is missing. Raises SettingError."""
    path = Path(text(name, str(default))).expanduser()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = f"names {path}, which cannot be used ({error.strerror or type(error).__name__})"
        raise SettingError(name, problem, "Name a directory that the portal's account may write to.") from None
    require_access(name, path, os.R_OK | os.X_OK)
    return path


def require_access(name: str, path: Path, mode: int) -> None:
    """Raise SettingError unless this account has that access to the directory (access(2))."""
    if not os.access(path, mode):
        verb = "write" if mode & os.W_OK else "read"
        problem = f"names {path}, where the portal's account may not {verb}"
        raise SettingError(name, problem, "Change the directory's owner, or name another one.")


def file(name: str, default: Path) -> Path:
    """Return the path of a file that can be read, or that does not exist yet. Raises SettingError."""
    path = Path(text(name, str(default))).expanduser()
    try:
        if path.exists() and not path.is_file():
            raise SettingError(name, f"names {path}, which is not a file", "Name a file.")
        if path.is_file():
            path.open("rb").close()
    except OSError as error:
        problem = f"names {path}, which cannot be read ({error.strerror or type(error).__name__})"
        raise SettingError(name, problem, "Change its owner or mode so that the portal's account reads it.") from None
    return path


def key_ring(name: str) -> str:
    """Return the key ring of the credential store, or "" when it is not set. Raises SettingError."""
    value = take(name)
    ids = []
    for number, entry in enumerate(filter(None, map(str.strip, value.replace(",", "\n").splitlines())), 1):
        key_id, _colon, key = entry.partition(":")
        try:
            length = len(base64.b64decode(key.strip(), validate=True))
        except ValueError:
            length = 0
        if not key_id.strip() or length != KEY_BYTES or key_id.strip() in ids:
            remedy = "Write ID:KEY with a different ID for each key, and the key from: openssl rand -base64 32"
            raise SettingError(name, f"has an entry that is not a key (number {number})", remedy)
        ids.append(key_id.strip())
    return value if ids else ""


def shown(value: str) -> str:
    """Return a value that is not a secret, as messages quote it."""
    cut = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
    return f'"{"".join(letter if letter.isprintable() else "?" for letter in cut)}"'


def unquote(value: str) -> str:
    """Remove white space and one pair of quotes, which `docker --env-file` keeps and systemd does not."""
    value = value.strip("\ufeff \t\r\n\v\f\xa0")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" and value[0] not in value[1:-1]:
        value = value[1:-1].strip()
    return value


def _clean(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingError(name, "is not in UTF-8", "Write it in UTF-8.") from None
    return unquote(value)
