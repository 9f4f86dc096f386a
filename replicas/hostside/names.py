"""What a host's own resolver makes of a name and of addresses; payload {"name", "addresses": [...]}.

Answers {"resolved": [addresses], "reverse": {address: [names, the first one first]}, "lines": {address: the line of
/etc/hosts that names it}, "alias": "" or the name that a CNAME record leads to, "servers": [the addresses in
resolv.conf]}. Names come from the system's own functions, as installers ask them, so /etc/hosts counts; the alias is
asked of the name servers themselves.
"""

import json
import os
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, Iterable, List, Tuple

RESOLVER, HOSTS = "/etc/resolv.conf", "/etc/hosts"
LIMITS = "timeout:2 attempts:2"
"""For the system's own functions, which else wait half a minute for each name when no name server answers."""
SERVERS, SECONDS = 3, 2.0
CNAME = 5
NOERROR, NXDOMAIN = 0, 3
MAX_JUMPS = 64


def name_servers(path: str = RESOLVER) -> List[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            return servers_in(lines)
    except OSError:
        return []


def servers_in(lines: Iterable[str]) -> List[str]:
    words = [line.split() for line in lines]
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]


def resolve(name: str) -> List[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def reverse(address: str) -> List[str]:
    try:
        name, aliases, _ = socket.gethostbyaddr(address)
    except (OSError, UnicodeError):
        return []
    return [name] + aliases


def hosts_lines(path: str = HOSTS) -> Dict[str, str]:
    """The first line of each address (hosts(5)), which is the one that counts."""
    found: Dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                words = line.partition("#")[0].split()
                if len(words) > 1:
                    found.setdefault(canonical(words[0]), line.strip())
    except OSError:
        return {}
    return found


def canonical(address: str) -> str:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, address))
        except OSError:
            continue
    return address


def question(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.split(".") if label]
    encoded = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + encoded + struct.pack("!HH", CNAME, 1)


def read_name(message: bytes, place: int) -> Tuple[str, int]:
    """The name at that place, in lower case, and where what follows it begins (RFC 1035, 4.1.4)."""
    labels, after = [], -1  # type: List[str], int
    for _ in range(MAX_JUMPS):
        length = message[place]
        if length >= 0xC0:
            after = place + 2 if after < 0 else after
            place = struct.unpack("!H", message[place : place + 2])[0] & 0x3FFF
        elif length:
            labels.append(message[place + 1 : place + 1 + length].decode("ascii", "replace").lower())
            place += 1 + length
        else:
            return ".".join(labels), place + 1 if after < 0 else after
    raise ValueError("a name without an end")


def target(asked: bytes, answer: bytes, name: str) -> str:
    """The value of the CNAME record of that name in an answer. Raises ValueError, IndexError, struct.error."""
    if answer[:2] != asked[:2] or not answer[2] & 0x80:
        raise ValueError("an answer to another question")
    if answer[3] & 0x0F not in (NOERROR, NXDOMAIN):
        raise ValueError("a refusal, after which resolvers ask the next name server")
    questions, answers = struct.unpack("!HH", answer[4:8])
    place = 12
    for _ in range(questions):
        place = read_name(answer, place)[1] + 4
    for _ in range(answers):
        owner, place = read_name(answer, place)
        kind, _class, _ttl, length = struct.unpack("!HHIH", answer[place : place + 10])
        if kind == CNAME and owner == name.lower():
            return read_name(answer, place + 10)[0]
        place += 10 + length
    return ""


def alias(name: str, servers: List[str]) -> str:
    """By the first name server that answers."""
    for server in servers[:SERVERS]:
        asked = question(name)
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as connection:
                connection.settimeout(SECONDS)
                connection.connect((server, 53))
                connection.send(asked)
                return target(asked, connection.recv(65535), name)
        except (OSError, ValueError, IndexError, struct.error):
            continue
    return ""


def main() -> None:
    payload = json.loads(sys.stdin.buffer.readline())
    os.environ["RES_OPTIONS"] = LIMITS
    name, servers, lines = payload["name"], name_servers(), hosts_lines()
    with ThreadPoolExecutor() as pool:
        led = pool.submit(alias, name, servers)
        resolved = resolve(name)
        addresses = list(dict.fromkeys(list(payload["addresses"]) + resolved))
        found = dict(zip(addresses, pool.map(reverse, addresses)))
        answer = {
            "resolved": resolved,
            "reverse": found,
            "lines": {address: lines[canonical(address)] for address in addresses if canonical(address) in lines},
            "alias": led.result(),
            "servers": servers,
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
