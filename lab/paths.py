"""Where labs keep their files."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "var" / "lab"


def cache() -> Path:
    """Return the folder for what takes long to make and may be used again."""
    return Path(os.environ.get("LAB_CACHE") or STATE / "cache").resolve()
