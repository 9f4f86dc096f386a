"""Hostile archives, made by hand and by chance."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replicas.hostside.archive import BadBundle, Limits, describe, extract, members

LIMITS = Limits(member=1000, total=2500, members=4)


def tar(*infos: tuple[str, bytes, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive of (name, content, type)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content, kind in infos:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(content), "/etc/passwd" if kind in b"12" else ""
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


GOOD = (("realm_info", b"", tarfile.DIRTYPE), ("realm_info/ca.crt", b"x" * 700, tarfile.REGTYPE))


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_good(tmp_path: Path, format: int) -> None:
    target = tmp_path / "new"
    assert extract(io.BytesIO(tar(*GOOD, format=format)), str(target), LIMITS) == ["ca.crt"]
    assert (target / "ca.crt").read_bytes() == b"x" * 700
    assert target.stat().st_mode & 0o777 == 0o700
    assert (target / "ca.crt").stat().st_mode & 0o777 == 0o600


def test_extended_header_with_times_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    os.utime(tmp_path / "a", (1.5, 1.5))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(tmp_path / "a", "realm_info/a")
    assert b"mtime" in stream.getvalue()
    assert dict(members(io.BytesIO(stream.getvalue()), LIMITS)) == {"a": b"1"}


FILE = tarfile.REGTYPE


@pytest.mark.parametrize(
    ("infos", "words"),
    [
        ([("/etc/passwd", b"", FILE)], "not a file directly in"),
        ([("realm_info/../x", b"", FILE)], "not a file directly in"),
        ([("realm_info/..", b"", FILE)], "not a file directly in"),
        ([("realm_info/a/b", b"", FILE)], "not a file directly in"),
        ([("realm_info", b"", FILE)], "not a file directly in"),
        ([("other/x", b"", FILE)], "not a file directly in"),
        ([("./realm_info/x", b"", FILE)], "not a file directly in"),
        ([("realm_info/x", b"", tarfile.SYMTYPE)], "not a regular file"),
        ([("realm_info", b"", tarfile.SYMTYPE)], "not a regular file"),
        ([("realm_info/x", b"", tarfile.LNKTYPE)], "not a regular file"),
        ([("realm_info/x", b"", tarfile.CHRTYPE)], "not a regular file"),
        ([("realm_info/x", b"", tarfile.BLKTYPE)], "not a regular file"),
        ([("realm_info/x", b"", tarfile.FIFOTYPE)], "not a regular file"),
        ([("realm_info/x", b"", tarfile.DIRTYPE)], "not a regular file"),
        ([("realm_info/x", b"", FILE), ("realm_info/x", b"", FILE)], "twice"),
        ([("realm_info/x", b"x" * 1001, FILE)], "larger than 1000"),
        ([(f"realm_info/{n}", b"x" * 900, FILE) for n in range(3)], "larger than 2500"),
        ([(f"realm_info/{n}", b"", FILE) for n in range(5)], "more than 4"),
        ([], "nothing in"),
    ],
)
def test_hostile(tmp_path: Path, infos: list[tuple[str, bytes, bytes]], words: str) -> None:
    with pytest.raises(BadBundle, match=words):
        extract(io.BytesIO(tar(*infos)), str(tmp_path / "new"), LIMITS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 130, "ä"])
def test_extended_header_that_renames(name: str) -> None:
    data = tar((f"realm_info/{name}", b"", FILE), format=tarfile.PAX_FORMAT)
    with pytest.raises(BadBundle, match="extended header"):
        list(members(io.BytesIO(data), LIMITS))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000))
def test_noise(tmp_path: Path, data: bytes) -> None:
    _refused_or_inside(tmp_path, data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2600), st.binary(min_size=1, max_size=12)), max_size=4), st.integers(0, 6000))
def test_damage(tmp_path: Path, patches: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(tar(*GOOD, ("realm_info/b", b"yy", FILE)))
    for at, patch in patches:
        data[at : at + len(patch)] = patch
    _refused_or_inside(tmp_path, _resummed(data)[:length])


NAMES = st.text(alphabet="abr/._-ä\0\n ", max_size=30) | st.sampled_from(["", "..", "../x", "x"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, st.binary(max_size=1200), st.sampled_from([b"0", b"1", b"2", b"5", b"x", b"L"]))))
def test_members_by_chance(tmp_path: Path, infos: list[tuple[str, bytes, bytes]]) -> None:
    _refused_or_inside(tmp_path, tar(*((f"realm_info/{name}", content, kind) for name, content, kind in infos)))


def _resummed(data: bytearray) -> bytes:
    """Right checksums everywhere a header could be, so that damage gets past them."""
    for at in range(0, len(data) - 511, 512):
        block = data[at : at + 512]
        if any(block):
            data[at + 148 : at + 156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    return bytes(data)


def _refused_or_inside(folder: Path, data: bytes) -> None:
    target = folder / "new"
    try:
        names = extract(io.BytesIO(data), str(target), LIMITS)
    except BadBundle:
        assert list(folder.iterdir()) == []
        return
    found = list(target.iterdir())
    assert sorted(path.name for path in found) == sorted(names)
    assert all(path.is_file() and not path.is_symlink() and path.stat().st_size <= LIMITS.member for path in found)
    assert len(found) <= LIMITS.members
    for path in found:
        path.unlink()
    target.rmdir()
    assert list(folder.iterdir()) == []


def test_describe() -> None:
    assert describe(b"[realm]\nrealm_name = EXAMPLE.COM\n")["realm_name"] == "EXAMPLE.COM"
    for bad in (b"", b"\xff", b"[other]\n", b"x"):
        with pytest.raises(BadBundle):
            describe(bad)
