"""The bundle opener against hostile tars and damaged OpenPGP files: 10,000 cases of these alone in every run.

Whatever it is given, it opens a flat folder of small files or raises the one error; it writes nowhere else, and reads
no more than its limits.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from replicas.hostside import archive, unpack
from replicas.hostside.archive import BadBundle, Limits
from tests import pythons
from tests.replicas.hostside.hostile import archives, encrypt, literal, packet, resummed, squeezed, tar

LIMITS = Limits(member=1000, total=2500, members=4)
GOOD = (("realm_info/realm_info", b"[realm]\ndestination_host = h\n"), ("realm_info/ca.crt", b"x" * 700))
WRITES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "os.mknod"}
MEGABYTES_OF_BOMB = 300
PASSPHRASE = "correct"
# Nobody explains failures by running thousands of cases again: the shrunk one is enough.
cases = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


class Watch:
    """Every path that this process opens for writing or changes (sys.addaudithook), while it is on."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._hear)

    @contextmanager
    def on(self) -> Iterator[list[str]]:
        found: list[str] = []
        self.paths = found
        try:
            yield found
        finally:
            self.paths = None

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if self.paths is None or not args or not isinstance(args[0], (str, bytes)):  # a descriptor was opened before
            return
        if event in WRITES or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
            self.paths.append(os.fsdecode(args[0]))


class Measured(io.BytesIO):
    """An archive that notes the largest piece that was asked of it."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "reads everything at once"
        self.largest = max(self.largest, size)
        return super().read(size)


WATCH = Watch()
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:  # noqa: S108 - in memory, as /run is
        yield Path(path)


def opens_or_refuses(data: bytes, folder: Path) -> None:
    """The whole promise, for one archive."""
    target, stream = folder / f"t{next(NUMBERS)}", Measured(data)
    names: list[str] | None = None
    with WATCH.on() as written, suppress(BadBundle):
        names = archive.extract(stream, str(target), LIMITS)
    assert all(path == str(target) or os.path.dirname(path) == str(target) for path in written), written
    assert all(os.path.normpath(path) == path for path in written), written
    assert stream.largest <= max(LIMITS.member + 512, archive.LONGEST_EXTENSION)
    if names is None:
        assert not target.exists()
        return
    with os.scandir(target) as found:
        entries = list(found)
    assert sorted(entry.name for entry in entries) == sorted(names)
    assert 0 < len(entries) <= LIMITS.members
    assert all(entry.is_file(follow_symlinks=False) for entry in entries)
    sizes = [entry.stat(follow_symlinks=False).st_size for entry in entries]
    assert max(sizes) <= LIMITS.member
    assert sum(sizes) <= LIMITS.total
    for entry in entries:
        os.unlink(entry)
    target.rmdir()


@settings(cases, max_examples=4000)
@given(archives())
def test_hostile_archives(folder: Path, data: bytes) -> None:
    opens_or_refuses(data, folder)


FLIPS = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6)
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


@settings(cases, max_examples=5000)
@given(
    FORMATS, FLIPS, st.booleans(), st.integers(0, 12_000), st.sampled_from(["realm_info/", "realm_info/" + "d/" * 60])
)
def test_damaged_archives(
    folder: Path, format: int, flips: list[tuple[int, int]], sums: bool, cut: int, at: str
) -> None:
    """Bytes replaced, with wrong checksums or with right ones, and the end missing."""
    data = bytearray(tar(*GOOD, (f"{at}last", b"yy"), format=format))
    for where, byte in flips:
        data[where % len(data)] = byte
    opens_or_refuses((resummed(data) if sums else bytes(data))[:cut], folder)


LINES = st.sampled_from(["[realm]\n", "a=b\n", " c\n", "[\n", "=\n", "%(x)s\n", "\x00", "[realm]\na\n", "[DEFAULT]\n"])


@settings(cases, max_examples=1000)
@given(st.text(max_size=200) | st.lists(LINES).map("".join))
def test_hostile_descriptions(text: str) -> None:
    with suppress(BadBundle):
        found = archive.describe(text.encode("utf-8", "surrogatepass"))
        assert all(isinstance(value, str) for value in found.values())


@pytest.fixture(scope="module")
def sealed(folder: Path) -> list[bytes]:
    """Bundles as `gpg -c` makes them: ciphers, compression, with and without an integrity check."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    content = literal(tar(*GOOD))
    ciphers = [encrypt(content, home, "--cipher-algo", name) for name in ("AES256", "CAMELLIA128", "TWOFISH")]
    return [*ciphers, encrypt(squeezed(content), home), encrypt(content, home, "--rfc2440", "--cipher-algo", "CAST5")]


@pytest.fixture
def in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the opener works on a host is not ours here."""
    monkeypatch.setattr(unpack, "MEMORY", str(folder))


def decrypts_or_refuses(data: bytes, folder: Path, passphrase: str = PASSPHRASE) -> dict[str, object]:
    """What the opener answers for one sealed file: what it unpacked, or why not."""
    path, target = folder / "bundle.gpg", folder / "opened"
    path.write_bytes(data)
    before = sorted(os.listdir(folder))
    try:
        with WATCH.on() as written:
            answer = unpack.unpack(str(path), passphrase, str(target), "", Limits())
    except unpack.Refused as refused:
        answer = dict(refused.answer)
        assert answer["kind"] in ("BundleError", "WrongPassword")
        assert not target.exists()
    else:
        for name in os.listdir(target):
            os.unlink(target / name)
        target.rmdir()
    assert all(name.startswith((f"{folder}/", "/dev/null")) for name in written), written
    assert sorted(os.listdir(folder)) == before
    return answer


BITS = st.lists(st.tuples(st.sampled_from([40, 10_000]), st.integers(0, 10_000), st.integers(1, 255)), max_size=8)
"""Below which place (the first packets decide how the rest is read), where, and what is flipped."""
PLACES = st.none() | st.integers(0, 10_000)


@settings(cases, max_examples=1000)
@given(which=st.integers(0, 4), bits=BITS, cut=PLACES, doubled=PLACES)
def test_damaged_openpgp_files(
    folder: Path,
    sealed: list[bytes],
    in_memory: None,
    which: int,
    bits: list[tuple[int, int, int]],
    cut: int | None,
    doubled: int | None,
) -> None:
    """Bits flipped, the end missing, a piece doubled."""
    data = bytearray(sealed[which])
    for below, where, flipped in bits:
        data[where % min(below, len(data))] ^= flipped
    if cut is not None:
        del data[cut % len(data) :]
    if doubled is not None and data:
        data += data[doubled % len(data) :]
    decrypts_or_refuses(bytes(data), folder)


def test_openpgp_files_of_other_kinds(folder: Path, sealed: list[bytes], in_memory: None) -> None:
    assert decrypts_or_refuses(sealed[0], folder)["members"] == ["realm_info", "ca.crt"]
    home, inner = folder / "home", tar(*GOOD)
    for data in (
        b"", b"\0", literal(inner), squeezed(literal(inner)), inner, packet(18, b"\x01" * 300), packet(9, b"y" * 9),
        encrypt(literal(b"not an archive"), home), encrypt(literal(tar(("/etc/passwd", b"x"))), home),
        encrypt(b"", home), encrypt(packet(10, b"PGP") + packet(63, b"?"), home),
        encrypt(squeezed(literal(inner), 40), home),
    ):  # fmt: skip
        assert decrypts_or_refuses(data, folder).get("kind") == "BundleError", data[:40]
    for data in (encrypt(literal(inner) * 2, home), encrypt(encrypt(literal(inner), home), home), sealed[0] * 2):
        decrypts_or_refuses(data, folder)  # more than a bundle, and its password is right: gpg decides
    for passphrase in ("wrong", "correct ", "x" * 4000):
        assert decrypts_or_refuses(sealed[0], folder, passphrase)["kind"] == "WrongPassword"
    for passphrase in ("", "\0", "correct\nwrong"):  # no password of a realm can be like these
        decrypts_or_refuses(sealed[0], folder, passphrase)


PROGRAM = """
import json, sys
from replicas.hostside import unpack
from replicas.hostside.archive import Limits
unpack.MEMORY, paths = sys.argv[1], sys.argv[2:]
for path in paths:
    try:
        print(unpack.unpack(path, "correct", sys.argv[1] + "/opened", "", Limits()))
    except unpack.Refused as refused:
        print(json.dumps(refused.answer))
"""


@pytest.mark.parametrize("version", ["", pythons.OLDEST])
def test_bombs_stay_in_memory_limits(folder: Path, sealed: list[bytes], version: str) -> None:
    """What unpacks to much more than a bundle is refused by a process that could not hold it (RLIMIT_AS, gpg's too)."""
    python = pythons.need(version) if version else sys.executable
    home = folder / "home"
    zeros = bytes(MEGABYTES_OF_BOMB << 20)
    bombs = [encrypt(squeezed(literal(zeros), times), home) for times in (1, 2, 3)]
    claims = tar(("realm_info/a", b"x" * 600)).replace(b"00000001130", b"77777777777")
    many = tar(*((f"realm_info/{number}", b"") for number in range(9000)))
    bombs += [encrypt(literal(data), home) for data in (resummed(bytearray(claims)), many)]
    assert max(map(len, bombs)) < 6 << 20
    paths = [folder / f"bomb{number}.gpg" for number in range(len(bombs))]
    for path, data in zip(paths, bombs, strict=True):
        path.write_bytes(data)
    done = subprocess.run(
        [python, "-c", PROGRAM, str(folder), *map(str, paths)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (160 << 20, 160 << 20)),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["kind"] for answer in answers] == ["BundleError"] * len(bombs)
    for answer, words in zip(
        answers, ["more than", "more than", "more than", "larger than", "more than 64 members"], strict=True
    ):
        assert words in answer["error"]
