"""Certificates of another authority, checked by openssl on this machine, which stands for the replica."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from replicas.backends.freeipa import bundle, certificates
from replicas.backends.freeipa.certificates import verification
from replicas.clients.host import Result
from replicas.errors import CommandFailed, StepError
from tests.replicas.backends.freeipa.conftest import job
from tests.replicas.clients.freeipa.replay import authority
from tests.replicas.uploads import issuing
from tests.replicas.uploads.table import CASES, Case
from tests.replicas.uploads.test_verdicts import refused

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


class Here:
    """This machine in the place of the replica's host."""

    name = "replica2.example.com"

    async def run(self, *argv: str, input: str = "", check: bool = True) -> Result:
        done = subprocess.run(argv, input=input.encode(), check=False, capture_output=True)
        if check and done.returncode:
            raise CommandFailed(self.name, argv[0], done.returncode, (done.stdout + done.stderr).decode())
        return Result(done.returncode, done.stdout, done.stderr)


def on_host(folder: Path, case: Case) -> tuple[Any, str]:
    """The file with a case's certificates and key, and the job of a realm that trusts its roots."""
    path = folder / "server.pem"
    path.touch(0o600)
    path.write_bytes(issuing.pem(*case.certificates, *case.roots) + case.key_pem())
    made = job(replica="ipareplica", ca=issuing.pem(*case.roots).decode(), http_cert_file=str(path))
    return made, str(path)


FOUND_BY_SEARCH = ("a middle with the same name and another key first",)
"""Its other issuers are tried in an upload. OpenSSL takes the first one that is in the file."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in FOUND_BY_SEARCH])
async def test_a_file_on_the_host_is_judged_like_an_upload(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    made, path = on_host(tmp_path, case)
    here: Any = Here()
    if not refused(case):
        await certificates._check(here, made, path, kdc=False)
        return
    with pytest.raises(StepError) as error:
        await certificates._check(here, made, path, kdc=False)
    assert error.value.remedy
    assert "PRIVATE KEY" not in str(error.value)


def test_the_installer_gets_the_files_and_is_told_that_the_keys_have_no_password() -> None:
    wanted = job(dirsrv_cert_file="/root/d.pem", http_cert_file="/root/h.pem")
    assert bundle.promotion(wanted)[2:] == [
        "--dirsrv-cert-file=/root/d.pem", "--dirsrv-pin=", "--http-cert-file=/root/h.pem", "--http-pin=", "--no-pkinit"
    ]  # fmt: skip
