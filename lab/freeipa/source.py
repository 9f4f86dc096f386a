"""FreeIPA's source, as Debian's package archive has it."""

import re
import tarfile
from pathlib import Path

from lab.command import LabError, run

RELEASE = "trixie"
"""The release of Debian whose source package is built; that of Debian 12 is not kept everywhere."""
PACKAGE = "freeipa"
URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+\.orig\.tar\.\w+) \d+ (?P<hash>SHA256:[0-9a-f]{64})")


def fetch(folder: Path) -> Path:
    """Return the unpacked source below an empty folder; apt compares its hash with the archive's signed list.

    Raises LabError when the archive does not have it.
    """
    options = _apt(folder)
    run(["apt-get", *options, "--quiet", "update"], timeout=600)
    shown = run(["apt-get", *options, "source", "--print-uris", f"{PACKAGE}/{RELEASE}"]).stdout.decode()
    found = URI.search(shown)
    if found is None:
        raise LabError(f"Debian's archive has no source package {PACKAGE} of {RELEASE}")
    archive = folder / found["file"]
    run(["/usr/lib/apt/apt-helper", *options, "download-file", found["uri"], str(archive), found["hash"]], timeout=600)
    with tarfile.open(archive) as content:
        content.extractall(folder / "source", filter="tar")
    archive.unlink()
    (unpacked,) = (folder / "source").iterdir()
    return unpacked


def _apt(folder: Path) -> list[str]:
    """Options for apt to know the sources of the release, and nothing of this machine's own lists."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    sources = folder / "archive.sources"
    sources.write_text(_sources())
    return [
        f"-oDir::Etc::sourcelist={sources}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={lists}",
        "-oAPT::Sandbox::User=root",
    ]


def _sources() -> str:
    """This machine's own archive of Debian, for the source packages of another release."""
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            if "main" in fields.get("Components", "") and "security" not in fields.get("Suites", ""):
                fields |= {"Types": "deb-src", "Suites": RELEASE, "Components": "main"}
                return "".join(f"{name}: {value}\n" for name, value in fields.items())
    raise LabError("this machine names no archive of Debian in /etc/apt/sources.list.d/*.sources")
