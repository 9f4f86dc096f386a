"""This machine's own archive of Debian, for packages of other releases than its own."""

import re
from pathlib import Path

from lab.command import LabError, Unavailable, run

URI = r"'(?P<uri>[^']+)' (?P<file>\S+{suffix}) \d+ (?P<hash>SHA256:[0-9a-f]{{64}})"
LACKING = re.compile(r"Unable to locate package \S+|Package '\S+' has no installation candidate|Failed to fetch .*")
SECONDS = 600.0


def stanza(kind: str, release: str) -> str:
    """A source of apt, in the form of deb822; `kind` is deb or deb-src. Raises Unavailable without an archive."""
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for text in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", text, re.MULTILINE))
            if "main" in fields.get("Components", "") and "security" not in fields.get("Suites", ""):
                fields |= {"Types": kind, "Suites": release, "Components": "main"}
                return "".join(f"{name}: {value}\n" for name, value in fields.items())
    raise Unavailable("this machine names no archive of Debian in /etc/apt/sources.list.d/*.sources")


def fetch(folder: Path, package: str, release: str, *, source: bool = False) -> Path:
    """Download a package, or the original source of one, into a new folder; apt compares its signed hash.

    Raises Unavailable when the archive does not list it, or lists it without having the file.
    """
    kind, command, suffix = ("deb-src", "source", r"\.orig\.tar\.\w+") if source else ("deb", "download", r"\.deb")
    options = _options(folder, stanza(kind, release))
    run(["apt-get", *options, "--quiet", "update"], timeout=SECONDS)
    shown = run(["apt-get", *options, command, "--print-uris", f"{package}/{release}"], check=False).stdout.decode()
    found = re.search(URI.format(suffix=suffix), shown)
    if found is None:
        raise Unavailable(f"Debian's archive has no {'source ' * source}package {package} of {release}")
    target = folder / found["file"]
    words = ["download-file", found["uri"], str(target), found["hash"]]
    try:
        run(["/usr/lib/apt/apt-helper", *options, *words], timeout=SECONDS)
    except LabError as error:
        listed = f"Debian's archive lists {found['file']} of {release}"
        raise Unavailable(f"{listed}, but it could not be downloaded: {_reason(str(error))}") from None
    return target


def _reason(output: str) -> str:
    """Return apt's last line about the download, without the summary after it."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and "Download Failed" not in line]
    return lines[-1] if lines else "apt gave no reason"


def lacking(output: str) -> str | None:
    """Return what apt said about a package that it does not find, or could not download; None if it did not."""
    found = LACKING.search(output)
    return found[0] if found else None


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
