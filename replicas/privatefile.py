"""Files that only the portal's account reads (mode 0600), complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Make a file, unless another process has just made it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(path, content) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)  # refuses to replace what is there


def replace(path: Path, content: bytes) -> None:
    """Put new content in the place of a file, whose owner stays."""
    with _draft(path, content) as draft:
        owner = path.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
        os.replace(draft, path)


@contextlib.contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
