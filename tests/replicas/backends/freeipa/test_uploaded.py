"""Uploaded certificates in the bundle, in the plan's steps and in the checks."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from replicas.backends.freeipa import bundle, certificates, uploaded
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.errors import StepError
from replicas.lifecycle.job import Job, UploadedCertificate
from tests.replicas.backends.freeipa.conftest import RealmContext, job
from tests.replicas.uploads import issuing
from tests.replicas.uploads.test_reading import upload

SERVER = upload(issuing.WHOLE)
BOTH: dict[str, Any] = dict.fromkeys(("dirsrv_certificate", "http_certificate"), SERVER.described())
OTHER = upload(issuing.pkcs8() + issuing.pem(issuing.issue("b", "Root", issuing.key(0), issuing.key(2)), issuing.ROOT))
PAST = {"begins": "2020-01-01T00:00:00+00:00", "ends": "2021-01-01T00:00:00+00:00"}


def context(pem: str, **options: Any) -> RealmContext:
    made = RealmContext(job(**options), "")
    made.secret = lambda name: pem  # type: ignore[method-assign]
    return made


def test_the_bundle_has_a_file_for_each_service_that_its_pin_opens() -> None:
    made = context(SERVER.pem(), **BOTH)
    members = uploaded.members(made)
    assert sorted(members) == ["dirsrv_pin.txt", "dscert.p12", "http_pin.txt", "httpcert.p12"]
    for file, pin in (("dscert.p12", "dirsrv_pin.txt"), ("httpcert.p12", "http_pin.txt")):
        whole = pkcs12.load_pkcs12(members[file], members[pin])
        assert whole.cert
        assert whole.cert.certificate == issuing.SERVER
        assert {one.certificate for one in whole.additional_certs} == {issuing.MIDDLE, issuing.ROOT}
        assert whole.key is not None
    assert members["dirsrv_pin.txt"] != members["http_pin.txt"]
    assert {str(pin).encode() for pin in made.masked} == {members["dirsrv_pin.txt"], members["http_pin.txt"]}
    assert set(members) < set(bundle.members(made.job, "one-time", members))


def test_another_certificate_than_the_approved_one_is_not_sealed() -> None:
    with pytest.raises(StepError, match="is not the one that was approved"):
        uploaded.members(context(OTHER.pem(), **BOTH))


def test_a_key_of_another_certificate_is_not_sealed() -> None:
    pem = issuing.pkcs8(issuing.key(9)) + issuing.pem(issuing.SERVER, issuing.MIDDLE, issuing.ROOT)
    with pytest.raises(StepError, match="is not the one that was approved"):
        uploaded.members(context(pem.decode(), **BOTH))


def test_the_installer_is_told_where_the_files_are_and_no_pin() -> None:
    assert bundle.promotion(job(**BOTH))[2:] == [
        "--dirsrv-cert-file=/run/portal-promote/dscert.p12",
        "--http-cert-file=/run/portal-promote/httpcert.p12",
        "--no-pkinit",
    ]
    assert uploaded.pins(job(**BOTH).options) == {"--dirsrv-pin": "dirsrv_pin.txt", "--http-pin": "http_pin.txt"}


def test_a_plan_is_frozen_and_thawed_with_them_and_names_them() -> None:
    wanted = job(**BOTH)
    assert Job.from_json(wanted.to_json()) == wanted
    touched = [touch.what for step in FreeIpaBackend().steps(wanted) for touch in step.touches(wanted)]
    assert any(BOTH["http_certificate"].sha256 in what and "http certificate" in what for what in touched)
    assert "the uploaded dirsrv certificate with its key, sealed in the bundle" in touched


async def test_checks_say_what_is_uploaded_and_refuse_what_is_over() -> None:
    assert "CN=ipareplica.example.com" in await certificates.files(context("", **BOTH))
    told = BOTH["http_certificate"].to_json() | PAST
    over = BOTH | {"http_certificate": UploadedCertificate.from_json(told)}
    with pytest.raises(StepError, match="http certificate is valid from 2020.*: not now"):
        await certificates.files(context("", **over))


def test_a_realm_without_an_authority_is_served_in_either_way() -> None:
    assert certificates.given(job(**BOTH).options)
    assert certificates.given(job(dirsrv_cert_file="/d", http_cert_file="/h").options)
    assert not certificates.given(job(dirsrv_certificate=BOTH["dirsrv_certificate"]).options)
