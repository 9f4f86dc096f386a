"""What an attacker would put into a bundle: archives and OpenPGP files, made by hand where tools refuse to."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zlib
from pathlib import Path

from hypothesis import strategies as st

BLOCK = 512
NAMES = st.sampled_from([
    "realm_info/ca.crt", "realm_info/realm_info", "realm_info/a", "realm_info/b", "realm_info", "realm_info/",
    "/etc/passwd", "//etc/passwd", "../x", "realm_info/../x", "realm_info/../../x", "realm_info/..", "realm_info/.",
    "./realm_info/a", "realm_info//a", "realm_info/.hidden", "realm_info/-rf", "realm_info/a b", "realm_info/a\n",
    "realm_info/ä", "realm_info/a/b", "realm_info/" + "d/" * 40 + "x", "realm_info/" + "n" * 85, "other/a", "", "\\a",
]) | st.text("realm_info/.ab\n\r\\%\t é", max_size=30).map("realm_info/".__add__)  # fmt: skip
KINDS = st.sampled_from([b"0", b"0", b"0", *(bytes([kind]) for kind in b"\x001234567xgLKSDMNVAXZ")])
SIZES = st.none() | st.sampled_from([
    b"77777777777\0", b"7" * 12, b"-0000000001\0", b"00000000009\0", b"0x0000000ff\0", b" " * 12, b"\0" * 12,
    b"\x80" + b"\0" * 7 + b"\x7f" + b"\xff" * 3, b"\xff" * 12, b"\x80" + b"\0" * 10 + b"\x01", "٣".encode() * 6,
    b"00000001000\0", b"1 2 3 4 5 6 ",
])  # fmt: skip
MAGICS = st.sampled_from([b"ustar\x0000"] * 8 + [b"ustar  \0", b"\0" * 8, b"USTAR\x0000", b"ustar\x0099"])
PREFIXES = st.sampled_from([b""] * 6 + [b"realm_info", b"/", b"..", b"p" * 155, b"/etc"])
RECORDS = st.sampled_from([
    b"path=/etc/passwd", b"path=realm_info/z", b"linkpath=/etc/shadow", b"size=99999999999", b"size=1", b"mtime=1.5",
    b"GNU.sparse.major=1", b"GNU.sparse.name=../x", b"GNU.sparse.map=0,1,99999999", b"uid=0", b"comment=x",
    b"hdrcharset=BINARY", b"SCHILY.xattr.security.capability=\x01\0",
])  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """The content of a PAX header, lengths sometimes wrong."""
    lines = b""
    for record in draw(st.lists(RECORDS | st.binary(max_size=40), max_size=3)):
        length = len(record) + 3 + len(str(len(record) + 4)) - 1
        lines += b"%d %s\n" % (length + draw(st.sampled_from([0, 0, 0, 1, -5, 10**9])), record)
    return lines


@st.composite
def member(draw: st.DrawFn) -> bytes:
    """A header that may lie about everything, with some content behind it."""
    kind = draw(KINDS)
    content = draw(records()) if kind in b"xg" else b"c" * draw(st.sampled_from([0, 1, 511, 512, 513, 1000, 1001]))
    size, magic = draw(SIZES) or b"%011o\0" % len(content), draw(MAGICS)
    name, linked = draw(NAMES).encode()[:100], b"/etc/passwd" if kind in b"12" else b""
    head = name.ljust(100, b"\0") + b"0000600\0" + b"0000000\0" * 2 + size + b"00000000000\0" + b" " * 8 + kind
    block = bytearray((head + linked.ljust(100, b"\0") + magic).ljust(345, b"\0") + draw(PREFIXES).ljust(167, b"\0"))
    block[148:156] = b"%06o\0 " % ((sum(block) + draw(st.sampled_from([0] * 9 + [1]))) & 0o777777)
    return bytes(block) + content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Members in a row, sometimes cut off, with or without the two blocks of zeros that end an archive."""
    data = b"".join(draw(st.lists(member(), min_size=1, max_size=5))) + b"\0" * draw(st.sampled_from([0, 512, 1024]))
    return data[: draw(st.none() | st.integers(0, len(data)))]


def tar(*files: tuple[str, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:
    """A well-formed archive of regular files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def resummed(data: bytearray) -> bytes:
    """Right checksums everywhere a header could be, so that damage gets past them."""
    for at in range(0, len(data) - BLOCK + 1, BLOCK):
        block = data[at : at + BLOCK]
        if any(block):
            data[at + 148 : at + 156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    return bytes(data)


def packet(tag: int, body: bytes) -> bytes:
    """An OpenPGP packet (RFC 4880, 4.2.2, five-octet length)."""
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def literal(content: bytes) -> bytes:
    return packet(11, b"b\0" + bytes(4) + content)


def squeezed(inner: bytes, times: int = 1) -> bytes:
    """Compressed packets (ZLIB), one in the other."""
    for _ in range(times):
        inner = packet(8, b"\x02" + zlib.compress(inner, 9))
    return inner


def encrypt(packets: bytes, home: Path, *options: str) -> bytes:
    """Any packets, encrypted with «correct» as `gpg -c` does, with a cheap derivation of the key."""
    argv = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-options", "--no-autostart", "--no-symkey-cache"]
    argv += ["--pinentry-mode", "loopback", "--s2k-count", "1024", "--compress-algo", "none", "--no-literal"]
    argv += ["--passphrase", "correct", *options, "--symmetric", "--output", "-"]
    # Its status is 2: it misses an agent, which it does not need.
    made = subprocess.run(argv, input=packets, check=False, capture_output=True).stdout
    assert made.startswith(b"\x8c"), "not a session key that a password opens"
    return made
