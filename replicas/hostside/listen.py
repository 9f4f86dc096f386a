"""Listen on ports and echo probes until standard input ends or `seconds` have passed.

Payload: ports ([[port, protocol], …]), addresses (to listen on), seconds. Prints one line {"ready": true,
"taken": [[port, protocol], …]}: a taken port has a service of its own, which answers instead.
"""

import contextlib
import errno
import json
import selectors
import socket
import sys
import time
from typing import Any, List

from replicas.hostside import probes

BACKLOG = 16
IDLE_SECONDS = 10.0


class Taken(Exception):
    """Another service listens there."""


def listener(address: str, port: int, protocol: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "tcp":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(opened, address, port)
        if protocol == "tcp":
            opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise Taken from error
        raise
    opened.setblocking(False)
    return opened


def bind(opened: socket.socket, address: str, port: int) -> None:
    """To the address, or to all of its family where it is translated on the way and so is not local."""
    try:
        opened.bind((address, port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        opened.bind(("", port))


def answer(request: bytes) -> bytes:
    """The echo of a probe; a word for an empty packet, as ipa-replica-conncheck sends; nothing for any other one.

    The word is none that another listener answers, so that no two of them can be made to talk for ever.
    """
    if not request:
        return probes.REPLY
    if len(request) != len(probes.ASK) + probes.NONCE or not request.startswith(probes.ASK):
        return b""
    return probes.REPLY + request[len(probes.ASK) :]


class Listeners:
    """All sockets, in one loop."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.taken: List[List[Any]] = []

    def open(self, ports: List[List[Any]], addresses: List[str]) -> None:
        for port, protocol in ports:
            opened = []
            try:
                for address in addresses:
                    opened.append(listener(address, port, protocol))
            except Taken:
                self.taken.append([port, protocol])
                for one in opened:
                    one.close()
                continue
            for one in opened:
                self.selector.register(one, selectors.EVENT_READ, protocol)

    def serve(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.selector.register(sys.stdin.buffer, selectors.EVENT_READ, "stdin")
        while time.monotonic() < end:
            for key, _ in self.selector.select(end - time.monotonic()):
                if key.data == "stdin":
                    return
                # A peer that went away, or sent nothing, costs only its own answer.
                with contextlib.suppress(OSError):
                    self.handle(key.fileobj, key.data)

    def handle(self, ready: Any, kind: str) -> None:
        if kind == "tcp":
            connection, _ = ready.accept()
            connection.settimeout(IDLE_SECONDS)
            self.selector.register(connection, selectors.EVENT_READ, "connection")
        elif kind == "udp":
            request, peer = ready.recvfrom(512)
            reply = answer(request)
            if reply:
                ready.sendto(reply, peer)
        else:
            self.selector.unregister(ready)
            with ready:
                request = ready.recv(512)
                ready.sendall(answer(request) if request else b"")


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    listeners = Listeners()
    try:
        listeners.open(payload["ports"], payload["addresses"])
    except OSError as error:
        print(json.dumps({"error": f"{socket.gethostname()} cannot listen: {error.strerror}."}), flush=True)
        return
    print(json.dumps({"ready": True, "taken": listeners.taken}), flush=True)
    listeners.serve(payload["seconds"])


if __name__ == "__main__":
    main()
