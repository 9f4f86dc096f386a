"""What the database refuses by itself, whoever writes to it, and the form and the model with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from replicas import audit
from replicas.forms.requests import ReplicaRequestForm
from replicas.models import AuditEvent, HostKey, Master, Replica
from replicas.permissions import Actor
from tests.replicas.services.conftest import KEY, Cast

FORWARD = {"setup_dns": True, "forwarders": ["192.0.2.53"]}
IN_DATABASE: list[dict[str, Any]] = [
    {"hostname": "192.0.2.1"},
    {"hostname": "localhost.example.com"},
    {"hostname": "a.localhost"},
    {"hostname": "a" * 60 + ".example.com"},
    {"no_dnssec_validation": True},
    {"forward_policy": "only"},
    {"setup_dns": True, "no_forwarders": True, "forward_policy": "only"},
    {"no_reverse": True},
    {"reverse_zone": "2.0.192.in-addr.arpa"},
    {"ip_addresses": ["ipareplica.example.com"]},
    {"ip_addresses": {"192.0.2.1": 1}},
    {"ip_addresses": "192.0.2.1"},
    FORWARD | {"forwarders": ["192.0.2.53; }; include /etc/shadow"]},
    FORWARD | {"forwarders": [1]},
]
BY_MODEL: list[tuple[dict[str, Any], str, str]] = [
    ({"no_dnssec_validation": True}, "no_dnssec_validation", "with DNS"),
    ({"forward_policy": "only"}, "forward_policy", "with DNS"),
    ({"setup_dns": True, "no_forwarders": True, "forward_policy": "only"}, "forward_policy", "needs forwarders"),
    (FORWARD | {"forwarders": ["192.0.2.11"]}, "forwarders", "own address"),
    (
        {"ip_addresses": ["192.0.2.11", "2001:db8::1"], "reverse_zone": "2.0.192.in-addr.arpa"},
        "reverse_zone",
        "reverse name of 2001:db8::1",
    ),
    ({"ssh_address": "192.0.2.10"}, "ssh_address", "the master itself answers"),
    ({"hostname": "example.com"}, "hostname", "the realm's domain itself"),
    ({"skip_conncheck_reason": "because"}, "skip_conncheck_reason", "at least 10"),
    ({"other_host_reason": "x" * 2001}, "other_host_reason", "at most 2000"),
]


def test_good_ones_are_taken(cast: Cast, wanted: Callable[..., Replica]) -> None:
    key = HostKey.objects.create(hostname="k.example.com", key=KEY, fingerprint="SHA256:y")
    options = FORWARD | {"forward_policy": "only", "no_dnssec_validation": True, "ip_addresses": ["2001:db8::1"]}
    replica = wanted(**options, requested_by=cast.operator.user, host_key=key, reverse_zone="8.b.d.0.1.0.0.2.ip6.arpa.")
    replica.full_clean()
    replica.save()
    assert Replica.objects.get().reverse_zone == "8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.mark.parametrize("options", IN_DATABASE)
def test_the_database_refuses(cast: Cast, wanted: Callable[..., Replica], options: dict[str, Any]) -> None:
    key = HostKey.objects.create(hostname="k.example.com", key=KEY, fingerprint="SHA256:y")
    good = wanted(requested_by=cast.operator.user, host_key=key)
    good.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Replica.objects.filter(pk=good.pk).update(**options)
    other = wanted(**{"hostname": "b.example.com", **options}, requested_by=cast.operator.user, host_key=key)
    with pytest.raises(IntegrityError), transaction.atomic():
        Replica.objects.bulk_create([other])


@pytest.mark.parametrize("table", [Master, HostKey])
def test_so_it_does_for_masters_and_host_keys(master: Master, table: type[Master | HostKey]) -> None:
    with pytest.raises(IntegrityError):
        table.objects.update(hostname="IPA_server.example.com")


@pytest.mark.parametrize(("options", "field", "text"), BY_MODEL)
def test_model_and_form_refuse(
    cast: Cast, wanted: Callable[..., Replica], options: dict[str, Any], field: str, text: str
) -> None:
    replica = wanted(**options, requested_by=cast.operator.user)
    replica.host_key = replica.master.host_key
    with pytest.raises(ValidationError) as caught:
        replica.full_clean()
    assert text in " ".join(caught.value.message_dict[field])
    data = {
        "hostname": "ipareplica.example.com", "master": replica.master_id, "ssh_address": "192.0.2.11",
        "ssh_port": 22, "ssh_user": "root", "forward_policy": "first",
    } | {name: "\n".join(value) if isinstance(value, list) else value for name, value in options.items()}  # fmt: skip
    form = ReplicaRequestForm({name: value for name, value in data.items() if value is not False})
    assert text in " ".join(map(str, form.errors[field]))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="REPLACE is SQLite's")
def test_the_history_cannot_be_replaced(master: Master) -> None:
    event = audit.record(Actor.system(), "run:start", master)
    columns = [str(field.column) for field in AuditEvent._meta.concrete_fields]
    chosen = ", ".join("'x'" if name == "actor" else name for name in columns)
    statement = f"REPLACE INTO replicas_auditevent ({', '.join(columns)}) SELECT {chosen} FROM replicas_auditevent"  # noqa: S608
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get().actor == event.actor
