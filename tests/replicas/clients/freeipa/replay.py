"""A local HTTPS server that answers as a FreeIPA server was recorded to, and nothing else."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RECORDING = json.loads((Path(__file__).parent / "freeipa-4.9.11.json").read_text())
EXCHANGES: dict[str, dict[str, Any]] = {exchange["name"]: exchange for exchange in RECORDING["exchanges"]}
COMPARED = ("Content-Type", "Accept", "Referer", "Cookie")
# The recording holds «TOKEN» for what the server called MagBearerToken=TOKEN when it gave it out.
TOKENS = ("MagBearerToken=TOKEN", "TOKEN")


class Replay:
    """Answers the armed exchanges in order; any other request is noted, and refused."""

    def __init__(self) -> None:
        self.armed: list[dict[str, Any]] = []
        self.strays: list[str] = []
        self.languages: list[str] = []
        self.lock = threading.Lock()

    def arm(self, *names: str) -> None:
        """Expect these exchanges next. `CALL<-ANSWER` expects the request of one, and gives the answer of another."""
        for name in names:
            call, _, answer = name.partition("<-")
            self.armed.append({**EXCHANGES[call], "response": EXCHANGES[answer or call]["response"]})

    def answer(self, seen: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            expected = self.armed[0] if self.armed else {"request": None}
            if seen == expected["request"]:
                return dict(self.armed.pop(0)["response"])
            self.strays.append(f"expected {expected['request']}\nbut came {seen}")
            return {"status": 501, "headers": {}, "body": "This request is not in the recording."}

    def prove(self) -> None:
        """Fail unless all that was expected came, and nothing else."""
        assert not self.strays, "\n".join(self.strays)
        assert not self.armed, f"never called: {[exchange['name'] for exchange in self.armed]}"


@contextlib.contextmanager
def serving(replay: Replay, folder: Path) -> Iterator[int]:
    """Serve on a port of 127.0.0.1, with a certificate of `authority`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            # Not compared: who made the recording asked for none.
            replay.languages.append(self.headers["Accept-Language"])
            response = replay.answer(_request(self))
            body = response["body"]
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(response["status"])
            for name, value in {**response["headers"], "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what matters is in the replay."""

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def authority(folder: Path, name: str) -> str:
    """Make a CA and a server certificate for `name` in `folder`; the CA's certificate as PEM."""
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    for argv in (
        [*new, "-x509", "-days", "1", "-subj", "/CN=Recorded CA", "-keyout", "ca.key", "-out", "ca.crt"],
        [*new, "-subj", f"/CN={name}", "-keyout", "server.key", "-out", "server.csr"],
        [
            *["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "1"],
            *["-CAcreateserial", "-extfile", "names", "-out", "server.crt"],
        ],
    ):
        (folder / "names").write_text(f"subjectAltName=DNS:{name}\n")
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    return (folder / "ca.crt").read_text()


def _request(handler: BaseHTTPRequestHandler) -> dict[str, Any]:
    """What came, in the form of the recording: JSON bodies as values, forms as text, and the headers that matter."""
    content = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
    headers = {name: handler.headers[name].replace(*TOKENS) for name in COMPARED if name in handler.headers}
    is_json = headers.get("Content-Type") == "application/json"
    body = json.loads(content) if is_json else content
    return {"method": handler.command, "path": handler.path, "headers": headers, "body": body}
