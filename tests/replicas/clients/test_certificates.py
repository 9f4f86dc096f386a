"""What a real TLS server on this machine presents."""

from __future__ import annotations

from pathlib import Path

import pytest

from replicas.clients import certificates
from replicas.errors import StepError
from replicas.lifecycle import certificates as health
from replicas.lifecycle.certificates import authority
from replicas.lifecycle.job import RealmFacts
from tests.replicas.clients.tls import presenting


@pytest.mark.parametrize("days", [40, 0, -3])
async def test_the_days_of_what_a_server_presents(days: int, tmp_path: Path) -> None:
    with presenting(tmp_path, days) as port:
        assert certificates.days_left(await certificates.presented("127.0.0.1", port)) == days


async def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="refused|1"):
        await certificates.presented("127.0.0.1", 1)
    monkeypatch.setattr(certificates, "PROBE_SECONDS", 0.0)
    with presenting(tmp_path, 1) as port, pytest.raises(OSError):  # noqa: PT011 - a time-out has no words
        await certificates.presented("127.0.0.1", port)


UNREADABLE = "-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n"


def test_an_authority_that_cannot_be_read_is_named() -> None:
    realm = RealmFacts("EXAMPLE.COM", "example.com", "dc=example,dc=com", "native", True, UNREADABLE)
    with pytest.raises(StepError, match=r"authority of EXAMPLE\.COM cannot be read"):
        authority(realm)


async def test_a_certificate_that_cannot_be_read_does_not_stop_a_health_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async def presented(address: str, port: int) -> str:
        return UNREADABLE

    monkeypatch.setattr(health, "presented", presented)
    assert await health.of_server("ipaserver.example.com", "127.0.0.1") == ()
