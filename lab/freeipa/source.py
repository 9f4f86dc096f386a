"""FreeIPA's source, as Debian's package archive has it."""

import os
import re
import shutil
import tarfile
from pathlib import Path

from lab.command import LabError
from lab.freeipa import archive
from lab.freeipa.releases import Release

PACKAGE = "freeipa"
SETTING = "LAB_FREEIPA_SOURCE"
PARTS = re.compile(r"define\(IPA_VERSION_(MAJOR|MINOR|RELEASE), *(\d+)\)")


def fetch(folder: Path, release: Release) -> Path:
    """Return the unpacked source below a new folder.

    Raises LabError when the archive does not have it, or has another series than the release requires.
    """
    packed = _local(folder) or archive.fetch(folder, PACKAGE, release.suite, source=True)
    with tarfile.open(packed) as content:
        content.extractall(folder / "source", filter="tar")
    packed.unlink()
    (unpacked,) = (folder / "source").iterdir()
    release.check(version(unpacked))
    return unpacked


def local() -> Path | None:
    """Return the original tarball that LAB_FREEIPA_SOURCE names, for machines whose archive does not have it."""
    name = os.environ.get(SETTING)
    if name and not Path(name).is_file():
        raise LabError(f"{SETTING} names {name}, which is not a file. Name the original tarball of FreeIPA.")
    return Path(name) if name else None


def version(unpacked: Path) -> str:
    """Return the version that the source declares. Raises LabError when it declares none."""
    path = unpacked / "VERSION.m4"
    numbers = dict(PARTS.findall(path.read_text())) if path.is_file() else {}
    if len(numbers) != 3:
        raise LabError(f"{path.name} of the source does not declare a version of FreeIPA")
    return ".".join(numbers[part] for part in ("MAJOR", "MINOR", "RELEASE"))


def _local(folder: Path) -> Path | None:
    found = local()
    if found is None:
        return None
    folder.mkdir()
    return Path(shutil.copy(found, folder))
