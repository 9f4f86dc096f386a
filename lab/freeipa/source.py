"""FreeIPA's source, as Debian's package archive has it."""

import tarfile
from pathlib import Path

from lab.freeipa import archive

RELEASE = "trixie"
"""The release of Debian whose source package is built; that of Debian 12 is not kept everywhere."""
PACKAGE = "freeipa"


def fetch(folder: Path) -> Path:
    """Return the unpacked source below a new folder. Raises LabError when the archive does not have it."""
    packed = archive.fetch(folder, PACKAGE, RELEASE, source=True)
    with tarfile.open(packed) as content:
        content.extractall(folder / "source", filter="tar")
    packed.unlink()
    (unpacked,) = (folder / "source").iterdir()
    return unpacked
