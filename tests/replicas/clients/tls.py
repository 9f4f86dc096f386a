"""A server that presents a certificate, and says nothing more."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.replicas.uploads.issuing import NOW, issue, key


@contextmanager
def presenting(folder: Path, days: int) -> Iterator[int]:
    """Its port, on 127.0.0.1. The certificate ends in so many days and a bit, or has ended so many days ago."""
    begin, end = NOW - timedelta(days=1000), NOW + timedelta(days=days, hours=1)
    certificate = issue("server", "server", key(90), key(90), begin=begin, end=end)
    private = key(90).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = Thread(target=serve, args=(listening, context))
        serving.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            serving.join()


def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    """One after the other, until nobody listens any more."""
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        with accepted, suppress(OSError), context.wrap_socket(accepted, server_side=True):
            pass
