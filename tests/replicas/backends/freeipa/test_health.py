"""What a look makes of the realm's servers; the master's name resolution is a table here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replicas.backends.freeipa.health import NAME_SERVER, name_servers
from replicas.backends.freeipa.realm import Server
from tests.replicas.backends.freeipa.conftest import RealmContext, job

RESOLVED = {"dns1.example.com": "192.0.2.21", "dns2.example.com": "192.0.2.22"}


class Resolving(RealmContext):
    async def host(self, role: str) -> Any:
        assert role == "master"

        async def run(*argv: str, check: bool) -> SimpleNamespace:
            known = RESOLVED.get(argv[-1])
            return SimpleNamespace(text=f"{known} STREAM {argv[-1]}\n{known} DGRAM\n" if known else "")

        return SimpleNamespace(name="ipaserver.example.com", run=run)


def server(name: str, *roles: str) -> Server:
    return Server(f"{name}.example.com", ("IPA master", *roles), ("domain",))


@pytest.mark.parametrize(
    ("servers", "addresses"),
    [
        ([server("ipaserver"), server("dns1", NAME_SERVER)], ("192.0.2.21",)),
        (
            [server("dns2", NAME_SERVER), server("gone", NAME_SERVER), server("ipaserver", NAME_SERVER)],
            ("127.0.0.1", "192.0.2.22"),
        ),
        ([server("ipaserver"), server("dns1")], ()),
    ],
)
async def test_servers_with_the_role_are_asked_about_records(servers: list[Server], addresses: tuple[str, ...]) -> None:
    assert await name_servers(Resolving(job(), ""), servers) == addresses
