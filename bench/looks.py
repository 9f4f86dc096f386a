"""What a look finds at a realm of many servers."""

from __future__ import annotations

from typing import Any

from replicas.lifecycle import looking

AGREEMENTS, RECORDS = 4, 12
"""Of each server: with two neighbours, both ways; and the records that its realm should have for it."""


def of_realm(names: list[str], name_servers: int) -> dict[str, Any]:
    """The columns of a look at these servers, the first of which serve DNS; little is wrong, as it mostly is."""
    pairs = [(name, names[(at + apart) % len(names)]) for at, name in enumerate(names) for apart in (1, 2)]
    both = [*pairs, *((consumer, supplier) for supplier, consumer in pairs)]
    health = {
        "servers": [
            {"name": name, "roles": ["CA"] + ["DNS"] * (at < name_servers), "problem": ""}
            for at, name in enumerate(names)
        ],
        "agreements": [
            {"supplier": supplier, "consumer": consumer, "lag": float(at % 70), "problem": ""}
            for at, (supplier, consumer) in enumerate(both)
        ],
        "certificates": [
            {"what": f"{name}, port {port}", "days": 20 + at} for at, name in enumerate(names) for port in (636, 443)
        ],
        "bundles": [],
        "suggested": [],
    }
    servers = {f"{name}.": "" for name in names[:name_servers]}
    records = [
        {"host": name, "record": f"_ldap{number}._tcp 3600 IN SRV 0 100 389 {name}.", "servers": servers, "problem": ""}
        for name in names
        for number in range(RECORDS)
    ]
    records[-1] = records[-1] | {"servers": dict.fromkeys(servers, "nothing")}
    return looking.found(health, records)
