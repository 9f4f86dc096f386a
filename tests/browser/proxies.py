"""A small reverse proxy in front of the portal, and a web site that links to it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rewrite = Callable[[str], str]


@contextlib.contextmanager
def reverse_proxy(backend: int, rewrite: Rewrite) -> Iterator[int]:
    """Pass requests and WebSockets on to a port of this machine, with another path; gives the proxy's own port."""
    listener = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()

    def accept() -> None:
        while not closed.is_set():
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve, args=(client, backend, rewrite), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        closed.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _serve(client: socket.socket, backend: int, rewrite: Rewrite) -> None:
    """One request for each connection; after its head everything goes through as it comes."""
    with client, contextlib.suppress(OSError):
        head, content = _head(client)
        method, path, version = head[0].split(" ")
        headers = [line for line in head[1:] if not re.match(r"(?i)connection:\s*keep-alive", line)]
        upgraded = any(re.match(r"(?i)upgrade:", line) for line in headers)
        lines = [f"{method} {rewrite(path)} {version}", *headers, *([] if upgraded else ["Connection: close"])]
        with socket.create_connection(("127.0.0.1", backend)) as server:
            server.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
            there = threading.Thread(target=_pump, args=(client, server), daemon=True)
            there.start()
            _pump(server, client)
            client.shutdown(socket.SHUT_RDWR)
            there.join()


def _head(client: socket.socket) -> tuple[list[str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            raise ConnectionError("closed before the end of the head")
        data += more
    head, _blank, content = data.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), content


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def web_page(html: str) -> Iterator[str]:
    """Serve one page on `localhost`, which is another site than 127.0.0.1; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
