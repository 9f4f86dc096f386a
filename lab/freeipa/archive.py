"""This machine's own archive of Debian, for packages of other releases than its own."""

import re
from pathlib import Path

from lab.command import LabError, run

URI = r"'(?P<uri>[^']+)' (?P<file>\S+{suffix}) \d+ (?P<hash>SHA256:[0-9a-f]{{64}})"
SECONDS = 600.0


def stanza(kind: str, release: str) -> str:
    """A source of apt, in the form of deb822; `kind` is deb or deb-src. Raises LabError without an archive."""
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for text in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", text, re.MULTILINE))
            if "main" in fields.get("Components", "") and "security" not in fields.get("Suites", ""):
                fields |= {"Types": kind, "Suites": release, "Components": "main"}
                return "".join(f"{name}: {value}\n" for name, value in fields.items())
    raise LabError("this machine names no archive of Debian in /etc/apt/sources.list.d/*.sources")


def fetch(folder: Path, package: str, release: str, *, source: bool = False) -> Path:
    """Download a package, or the original source of one, into a new folder; apt compares its signed hash.

    Raises LabError when the archive does not have it.
    """
    kind, command, suffix = ("deb-src", "source", r"\.orig\.tar\.\w+") if source else ("deb", "download", r"\.deb")
    options = _options(folder, stanza(kind, release))
    run(["apt-get", *options, "--quiet", "update"], timeout=SECONDS)
    shown = run(["apt-get", *options, command, "--print-uris", f"{package}/{release}"]).stdout.decode()
    found = re.search(URI.format(suffix=suffix), shown)
    if found is None:
        raise LabError(f"Debian's archive has no {'source ' * source}package {package} of {release}")
    target = folder / found["file"]
    words = ["download-file", found["uri"], str(target), found["hash"]]
    run(["/usr/lib/apt/apt-helper", *options, *words], timeout=SECONDS)
    return target


def _options(folder: Path, sources: str) -> list[str]:
    """Options for apt to know these sources, and nothing of this machine's own lists."""
    lists, listed = folder / "lists", folder / "archive.sources"
    (lists / "partial").mkdir(parents=True)
    listed.write_text(sources)
    return [
        f"-oDir::Etc::sourcelist={listed}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={lists}",
        f"-oDir::Cache={folder}",
        "-oAPT::Sandbox::User=root",
    ]
