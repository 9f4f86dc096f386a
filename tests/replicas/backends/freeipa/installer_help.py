"""Compare what the portal gives FreeIPA's installers with the options that they list in their help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from replicas.backends.freeipa import bundle, dogtag, nameservice, uploaded
from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.installer_options import OFFER
from replicas.lifecycle.job import UPLOADS, Job, UploadedCertificate
from tests.replicas.backends.freeipa.conftest import job
from tests.replicas.backends.freeipa.test_prepare import EVERYTHING

REPLICA, CLIENT, DNS = "ipa-replica-install", "ipa-client-install", "ipa-dns-install"
PROGRAMS = (REPLICA, CLIENT, DNS, "ipa-ca-install", "ipa-kra-install")
RECORDED: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("installer_options.json").read_text())
"""Names of options by version of FreeIPA and program, as the lab's hosts list them."""
LEFT_OUT = {
    "admin-password": "The host is enrolled beforehand with a one-time password.",
    "principal": "The host is enrolled beforehand with a one-time password.",
    "password": "The host is enrolled beforehand; the one-time password is on no command line.",
    "keytab": "The host is enrolled beforehand with a one-time password.",
    "force-join": "An enrolled host is refused, so that no other realm loses it.",
    "token-password": "A secret would be on a command line; --token-password-file names a file instead.",
    "log-file": "The portal collects the installer's log from its usual path.",
    "verbose": "The portal reads the installer's progress, which debug messages would bury.",
    "debug": "The portal reads the installer's progress, which debug messages would bury.",
    "quiet": "The portal reads the installer's progress.",
    "help": "It describes the program.",
    "version": "It describes the program.",
}
"""Options of ipa-replica-install that the portal never uses, with the reason."""
CERTIFICATE = UploadedCertificate("CN=a", "CN=b", ("a.example.com",), "2026-01-01", "2027-01-01", "00", ())
ADDRESSES: dict[str, Any] = {"ip_addresses": ("192.0.2.11",)}


def jobs(offered: frozenset[str]) -> Iterator[Job]:
    """Yield requests that use every offered option between them; some options exclude each other."""
    lacking = FreeIpaBackend().options - offered
    usual = {name: value for name, value in EVERYTHING.items() if name not in lacking}
    yield job(**usual, **ADDRESSES, no_dnssec_validation=True)
    yield job(setup_dns=True, no_forwarders=True)
    uploads: dict[str, Any] = {name: CERTIFICATE for name in UPLOADS if name in offered}
    yield job(**uploads)


def passed(wanted: Job) -> dict[str, set[str]]:
    """Return the names of the options that each program gets for a request."""
    pins = uploaded.pins(wanted.options)
    found = {
        REPLICA: [*bundle.promotion(wanted), *pins],
        CLIENT: [*bundle.enrolment(wanted), "--ca-cert-file", "--password"],
        DNS: nameservice.arguments(replace(wanted, action="dns")) if wanted.options.setup_dns else [],
    }
    found |= {part.program: part.arguments(wanted) for part in dogtag.PARTS.values()}
    return {program: {word.partition("=")[0].removeprefix("--") for word in words} for program, words in found.items()}


def used(offered: frozenset[str]) -> dict[str, set[str]]:
    """Return the names of all options that each program can get where these are offered."""
    found: dict[str, set[str]] = {program: set() for program in PROGRAMS}
    for wanted in jobs(offered):
        for program, options in passed(wanted).items():
            found[program] |= options
    return found


def offered(version: str, listed: dict[str, set[str]]) -> frozenset[str]:
    """Return the options that are offered for a master of that version, whose installer lists these."""
    return FreeIpaBackend().offered({"FreeIPA": version}, {OFFER: [*sorted(listed[REPLICA])]})


def unknown(version: str, listed: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the options that a program would get from the portal, and does not list."""
    found = {program: options - listed[program] for program, options in used(offered(version, listed)).items()}
    return {program: options for program, options in found.items() if options}


def unused(version: str, listed: dict[str, set[str]]) -> set[str]:
    """Return the options of ipa-replica-install that are neither offered nor left out for a reason."""
    found = used(offered(version, listed))
    return listed[REPLICA] - found[REPLICA] - found[CLIENT] - set(LEFT_OUT)
