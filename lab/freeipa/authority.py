"""An authority outside of the realm, which issues what the servers of a realm without an own one show."""

import tempfile
from pathlib import Path

from lab.command import run
from lab.registry import locked

DAYS = 3650
SUBJECT = "/O=EXAMPLE.COM/CN=Lab Authority"
EXTENSIONS = """\
subjectAltName = DNS:{name}
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
authorityKeyIdentifier = keyid
"""


class Authority:
    """Key and certificate in a folder of the machine, made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def certificate(self) -> str:
        """PEM."""
        return self._made().read_text()

    def server(self, name: str) -> str:
        """A new certificate for that host, the authority's, and the key, in one PEM text."""
        authority = self._made()
        with tempfile.TemporaryDirectory(dir=self._folder) as work:
            key, request, extensions, issued = (Path(work, part) for part in ("key", "request", "extensions", "issued"))
            extensions.write_text(EXTENSIONS.format(name=name))
            subject = f"/O=EXAMPLE.COM/CN={name}"
            run(["openssl", "req", "-new", *_KEY, "-keyout", str(key), "-out", str(request), "-subj", subject])
            signing = ["-CA", str(authority), "-CAkey", str(self._folder / "ca.key"), "-CAcreateserial"]
            signing += ["-days", str(DAYS), "-extfile", str(extensions), "-in", str(request), "-out", str(issued)]
            run(["openssl", "x509", "-req", *signing])
            return issued.read_text() + authority.read_text() + key.read_text()

    def _made(self) -> Path:
        certificate = self._folder / "ca.crt"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder / "lock"):
            if not certificate.exists():
                usage = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
                options = [word for one in usage for word in ("-addext", one)]
                options += ["-keyout", str(self._folder / "ca.key"), "-days", str(DAYS), "-subj", SUBJECT]
                draft = certificate.with_suffix(".new")
                run(["openssl", "req", "-x509", *_KEY, *options, "-out", str(draft)])
                draft.rename(certificate)
        return certificate


_KEY = ("-newkey", "rsa:2048", "-nodes")
