"""Certificates of another authority, checked by openssl on this machine, which stands for the replica."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from replicas.backends.freeipa import bundle
from replicas.backends.freeipa.certificates import verification
from tests.replicas.backends.freeipa.conftest import job
from tests.replicas.clients.freeipa.replay import authority

HOST = "replica2.example.com"


@pytest.fixture
def pem(tmp_path: Path) -> tuple[str, Path]:
    """An authority, and a file with a certificate of it and the key."""
    ca = authority(tmp_path, HOST)
    whole = tmp_path / "dirsrv.pem"
    whole.write_text((tmp_path / "server.crt").read_text() + (tmp_path / "server.key").read_text())
    return ca, whole


def verified(ca: str, path: Path, host: str) -> bool:
    result = subprocess.run(verification(str(path), host), input=ca, text=True, check=False, capture_output=True)
    return result.returncode == 0


def test_a_certificate_for_the_host_is_accepted(pem: tuple[str, Path]) -> None:
    assert verified(*pem, HOST)


def test_a_certificate_for_another_host_is_not(pem: tuple[str, Path]) -> None:
    assert not verified(*pem, "other.example.com")


def test_a_certificate_of_another_authority_is_not(pem: tuple[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    assert not verified(authority(folder, HOST), pem[1], HOST)


def test_the_installer_gets_the_files_and_is_told_that_the_keys_have_no_password() -> None:
    wanted = job(dirsrv_cert_file="/root/d.pem", http_cert_file="/root/h.pem")
    assert bundle.promotion(wanted)[2:] == [
        "--dirsrv-cert-file=/root/d.pem", "--dirsrv-pin=", "--http-cert-file=/root/h.pem", "--http-pin=", "--no-pkinit"
    ]  # fmt: skip
