"""Records that a realm itself expects are asked for like those that the portal knows of, and not kept twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from replicas.lifecycle import looking, lying
from replicas.lifecycle.base import Health, Record
from replicas.models import Realm, RealmLook
from tests.replicas.backends.freeipa.conftest import job

MINE = ("ipareplica.example.com", Record("ipareplica.example.com.", "A", "192.0.2.11"))
ITS = ("ipaserver.example.com", Record("_ldap._tcp.example.com.", "SRV", "0 500 389 ipaserver.example.com."))
SEEN = Health((), (), (), name_servers=("192.0.2.53",), records=(ITS,))


async def test_both_are_asked_of_the_name_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Backend:
        async def look(self, ctx: object) -> Health:
            return SEEN

    async def compare(*args: Any) -> list[dict[str, Any]]:
        asked.extend(args)
        return []

    async def bundles(*args: Any) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(looking, "compare", compare)
    monkeypatch.setattr(lying, "bundles", bundles)
    backend: Any = Backend()
    found, rows = await looking._ask(backend, job("look"), {}, [MINE], [])
    assert (found, rows) == (SEEN, [])
    assert asked == [("192.0.2.53",), [MINE, ITS]]


async def test_a_large_realm_is_not_asked_for_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asking: list[int] = [0, 0]

    async def row(addresses: object, host: str, record: Record) -> dict[str, Any]:
        asking[0] += 1
        asking[1] = max(asking)
        await asyncio.sleep(0)
        asking[0] -= 1
        return {"host": host}

    monkeypatch.setattr(looking, "_row", row)
    wanted = [(f"server{number}.example.com", ITS[1]) for number in range(3 * looking.AT_ONCE)]
    rows = await looking.compare(("192.0.2.53",), wanted)
    assert [one["host"] for one in rows] == [host for host, _ in wanted]
    assert asking == [0, looking.AT_ONCE]


@pytest.mark.django_db
def test_what_is_stored_has_them_as_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"host": ITS[0], "record": str(ITS[1]), "servers": {}, "problem": ""}
    monkeypatch.setattr(looking, "_look", lambda realm: (replace(SEEN), [row]))
    realm = Realm.objects.create(
        name="EXAMPLE.COM", domain="example.com", suffix="dc=example,dc=com", backend="freeipa", dns=True
    )
    RealmLook.objects.create(realm=realm)
    looking.look(realm)
    kept = RealmLook.objects.get(realm=realm)
    assert (kept.error, kept.dns) == ("", [row])
    assert kept.health is not None
    assert not kept.health["records"]
