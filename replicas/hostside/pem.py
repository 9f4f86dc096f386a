"""Read PEM as laxly as RFC 7468 allows, in a time that grows with the size of the text alone."""

import base64
import binascii
import codecs
import re
from typing import Iterator, List, NamedTuple

BOUNDARY = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 .#]{1,40})-----")
NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))
CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "X.509 CERTIFICATE", "TRUSTED CERTIFICATE")
LINE = 64


class Block(NamedTuple):
    """A text between two boundaries with the same label; the content is empty if it is not base64."""

    label: str
    headers: bytes
    content: bytes

    @property
    def text(self) -> bytes:
        """The block in the strict form of RFC 7468."""
        encoded = base64.b64encode(self.content)
        lines = [encoded[at : at + LINE] for at in range(0, len(encoded), LINE)]
        head = [self.headers, b""] if self.headers else []
        label = self.label.encode("ascii")
        return b"\n".join([b"-----BEGIN %s-----" % label, *head, *lines, b"-----END %s-----" % label, b""])


def blocks(text: bytes) -> Iterator[Block]:
    """Yield what stands between matching boundaries. Other text, blanks and unfinished blocks are skipped."""
    begin = None
    text = narrow(text)
    for boundary in BOUNDARY.finditer(text):
        if boundary.group(1) == b"BEGIN":
            begin = boundary
        elif begin and begin.group(2) == boundary.group(2):
            yield parse(begin.group(2).decode("ascii"), text[begin.end() : boundary.start()])
            begin = None


def narrow(text: bytes) -> bytes:
    """The text in one byte for each character: some editors and shells of Windows write two."""
    for mark, code in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if text.startswith(mark):
            return text.decode(code, "replace").encode("ascii", "ignore")
    return text


def parse(label: str, body: bytes) -> Block:
    """Split a body into its headers (RFC 1421, section 4.4) and its content."""
    lines = [line.strip() for line in body.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    headers = []  # type: List[bytes]
    if lines and b":" in lines[0]:
        end = lines.index(b"") if b"" in lines else len(lines)
        headers, lines = lines[:end], lines[end:]
    return Block(label, b"\n".join(headers), decode(b"".join(lines)))


def decode(encoded: bytes) -> bytes:
    digits = encoded.translate(None, NOT_BASE64)
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error:
        return b""


def certificates(text: bytes) -> List[bytes]:
    """The certificates of a text (DER), each once, in their order."""
    found = [first_element(block.content) for block in blocks(text) if block.label in CERTIFICATES]
    return list(dict.fromkeys(filter(None, found)))


def first_element(content: bytes) -> bytes:
    """The first DER element. OpenSSL's TRUSTED CERTIFICATE has a second one that says for what it is trusted."""
    if len(content) < 2:
        return b""
    size, head = content[1], 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(content[2:head], "big")
    return content[: head + size] if head + size <= len(content) else b""
