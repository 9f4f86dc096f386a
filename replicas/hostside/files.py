"""Files put in place atomically, and the errors of disks in words."""

import contextlib
import errno
import os
import shutil
import tempfile
from typing import BinaryIO, Dict, Iterator


@contextlib.contextmanager
def replacing(path: str, mode: int, uid: int = 0, gid: int = 0) -> Iterator[BinaryIO]:
    """A stream to a file beside `path` that takes its place at the end; whatever fails leaves `path` as it was."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".portal-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync(folder)


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def explain(path: str, size: int, error: OSError) -> Dict[str, object]:
    """The answer for a file of `size` bytes that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path, size)
    folder, host = os.path.dirname(path), os.uname().nodename
    return {
        "error": f"{path} on {host} cannot be written: {error.strerror}.",
        "remedy": f"See that {folder} on {host} exists and is writable for root.",
    }


def full(path: str, size: int) -> Dict[str, object]:
    folder, host = os.path.dirname(path), os.uname().nodename
    free = shutil.disk_usage(folder).free
    return {
        "error": f"No space left in {folder} on {host}: {size} bytes are needed, {free} are free.",
        "remedy": f"Free space in {folder} on {host}, then try again.",
    }
