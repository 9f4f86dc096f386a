"""The releases of FreeIPA that the lab can build: how one is chosen, and what is said when its source is missing."""

from __future__ import annotations

import hashlib
import io
import runpy
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import LabError
from lab.cli import main
from lab.command import Unavailable
from lab.freeipa import FreeIpaLab, RolesLab, archive, pki, source
from lab.freeipa.releases import RELEASES, SETTING, Release, release

SOURCES = """\
Package: freeipa
Version: {version}-1
Format: 3.0 (quilt)
Directory: pool
Binary: freeipa-client
Architecture: any
Standards-Version: 4.7.0
Checksums-Sha256:
 {digest} {size} freeipa_{version}.orig.tar.gz
Files:
 d41d8cd98f00b204e9800998ecf8427e {size} freeipa_{version}.orig.tar.gz
"""
VERSION = "define(IPA_VERSION_MAJOR, 4)\ndefine(IPA_VERSION_MINOR, {0})\ndefine(IPA_VERSION_RELEASE, {1})\n"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SETTING, source.SETTING):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "suite", "exact"),
    [(None, "trixie", False), ("4.12", "trixie", True), ("trixie", "trixie", False), ("4.13", "sid", True)],
)
def test_a_release_is_chosen_by_its_series_or_by_debians_release(name: str | None, suite: str, exact: bool) -> None:
    found = release(name)
    assert (found.suite, found.exact) == (suite, exact)


def test_the_setting_chooses_where_no_name_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "sid")
    assert FreeIpaLab("test-release").release.series == "4.13"
    assert FreeIpaLab("test-release", "4.12").release.series == "4.12"


def test_an_unknown_release_is_named_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--freeipa", "--release", "4.7", "status"]) == 1
    assert capsys.readouterr().err == (
        "lab: 4.7 is not a release of FreeIPA that the lab can build. Choose one of: 4.12 or trixie, 4.13 or sid.\n"
    )


def test_a_release_needs_a_lab_of_freeipa(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--release", "4.13", "status"]) == 1
    assert "--release needs --freeipa" in capsys.readouterr().err


def test_labs_of_two_releases_are_not_the_same_lab() -> None:
    assert len({FreeIpaLab("test-release", known.suite).kind for known in RELEASES}) == len(RELEASES)


def test_a_realm_with_an_authority_says_which_releases_can_have_one() -> None:
    with pytest.raises(LabError, match=r"needs FreeIPA 4\.12"):
        RolesLab("test-release", "4.13")


def test_a_series_is_that_series_and_a_suite_is_what_it_has() -> None:
    Release("4.13", "sid", roles=False).check("4.14.0")
    Release("4.13", "sid", roles=False, exact=True).check("4.13.9")
    with pytest.raises(Unavailable, match=r"in Debian sid is 4\.14\.0, not 4\.13\. Use the release sid"):
        Release("4.13", "sid", roles=False, exact=True).check("4.14.0")


def tarball(path: Path, minor: int, patch: int) -> bytes:
    """Write a tarball with nothing but the declaration of a version, and return its content."""
    text = VERSION.format(minor, patch).encode()
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo(f"freeipa-4.{minor}.{patch}/VERSION.m4")
        member.size = len(text)
        packed.addfile(member, io.BytesIO(text))
    return path.read_bytes()


def test_a_tarball_at_hand_replaces_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball(tmp_path / "own.tar.gz", 13, 3)
    monkeypatch.setenv(source.SETTING, str(tmp_path / "own.tar.gz"))
    assert source.version(source.fetch(tmp_path / "work", release("4.13"))) == "4.13.3"
    with pytest.raises(Unavailable, match=r"4\.13\.3, not 4\.12"):
        source.fetch(tmp_path / "other", release("4.12"))
    monkeypatch.setenv(source.SETTING, str(tmp_path / "gone.tar.gz"))
    with pytest.raises(LabError, match=r"gone\.tar\.gz, which is not a file"):
        source.fetch(tmp_path / "third", release("4.13"))


@pytest.fixture
def own_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of Debian on this machine, which lists FreeIPA 4.13.1 in sid, and has the file."""
    if shutil.which("apt-get") is None:
        pytest.skip("This is not a Debian system.")
    folder = tmp_path / "archive"
    (folder / "pool").mkdir(parents=True)
    content = tarball(folder / "pool/freeipa_4.13.1.orig.tar.gz", 13, 1)
    listed = folder / "dists/sid/main/source"
    listed.mkdir(parents=True)
    digest = hashlib.sha256(content).hexdigest()
    (listed / "Sources").write_text(SOURCES.format(version="4.13.1", digest=digest, size=len(content)))
    text = (listed / "Sources").read_bytes()
    lists = f" {hashlib.sha256(text).hexdigest()} {len(text)} main/source/Sources\n"
    (folder / "dists/sid/Release").write_text(
        f"Suite: unstable\nCodename: sid\nComponents: main\nArchitectures: amd64\nSHA256:\n{lists}"
    )
    own = f"Types: deb-src\nURIs: file:{folder}\nSuites: sid\nComponents: main\nTrusted: yes\n"
    monkeypatch.setattr(archive, "stanza", lambda kind, suite: own)
    return folder


def test_the_source_comes_from_the_archive(own_archive: Path, tmp_path: Path) -> None:
    unpacked = source.fetch(tmp_path / "work", release("4.13"))
    assert source.version(unpacked) == "4.13.1"


def test_a_source_that_is_not_listed_is_missing(own_archive: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no source package freeipa of trixie"):
        source.fetch(tmp_path / "work", release("4.12"))


def test_a_source_that_is_listed_without_a_file_is_missing(own_archive: Path, tmp_path: Path) -> None:
    (own_archive / "pool/freeipa_4.13.1.orig.tar.gz").unlink()
    with pytest.raises(Unavailable, match=r"lists freeipa_4\.13\.1\.orig\.tar\.gz of sid, but .* not be downloaded: "):
        source.fetch(tmp_path / "work", release("sid"))


@pytest.mark.parametrize(
    "output",
    ["E: Unable to locate package pki-ca", "E: Package 'pki-ca' has no installation candidate",
     "E: Failed to fetch file:/pool/pki-ca.deb  404  Not Found"],
)  # fmt: skip
def test_packages_that_the_archive_lacks_are_named(output: str) -> None:
    found = archive.lacking(f"mmdebstrap ended with 25: I: automatically chosen mode: root\n{output}\nE: setup failed")
    assert found is not None
    assert "pki-ca" in found
    assert archive.lacking("E: dpkg was interrupted") is None


def test_what_dogtag_lacks_can_be_imported_and_says_no(tmp_path: Path) -> None:
    (tmp_path / pki.FOLDER).mkdir(parents=True)
    (tmp_path / pki.FOLDER / "ca.py").write_text("of a newer Dogtag")
    pki.add_missing(tmp_path)
    assert (tmp_path / pki.FOLDER / "ca.py").read_text() == "of a newer Dogtag"
    names = runpy.run_path(str(tmp_path / pki.FOLDER / "subsystem.py"))
    with pytest.raises(NotImplementedError, match="older than 11"):
        names["SubsystemClient"]("connection", "ca")
    ran = subprocess.run([tmp_path / pki.PROGRAM, "subsystem-show", "ca"], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, b"")
