"""The form has every option of the installers or a reason for leaving it out, for each release that was recorded."""

from __future__ import annotations

import pytest

from replicas.backends.freeipa.backend import FreeIpaBackend
from replicas.backends.freeipa.installer_options import ENCRYPTION, OFFER, SINCE, names
from replicas.forms.columns import COLUMNS
from replicas.forms.requests import ReplicaRequestForm
from replicas.lifecycle.job import UPLOADS
from replicas.realm_rules import ONLY_LATER
from tests.replicas.backends.freeipa.installer_help import LEFT_OUT, RECORDED, REPLICA, unknown, unused, used

HELP = """\
Usage: ipa-replica-install [options]

Options:
  --version             show program's version number and exit
  -h, --help            show this help message and exit
  Basic options:
    -n DOMAIN_NAME, --domain=DOMAIN_NAME
                        primary DNS domain; see also
                        --realm of this program
    --forward-policy={only,first}
    -N, --no-ntp        do not configure ntp; excludes --ntp-server
"""


@pytest.fixture(params=RECORDED)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def listed(version: str) -> dict[str, set[str]]:
    return {program: set(options) for program, options in RECORDED[version].items()}


def test_only_what_help_defines_is_an_option() -> None:
    assert names(HELP) == {"version", "help", "domain", "forward-policy", "no-ntp"}


def test_no_installer_gets_an_option_that_it_does_not_know(version: str) -> None:
    assert unknown(version, listed(version)) == {}


def test_each_option_of_the_installer_is_offered_or_left_out_for_a_reason(version: str) -> None:
    assert unused(version, listed(version)) == set()


def test_what_is_left_out_is_an_option_and_is_never_used() -> None:
    everything = used(FreeIpaBackend().options)[REPLICA]
    assert not everything & set(LEFT_OUT)
    for options in RECORDED.values():
        assert set(LEFT_OUT) <= set(options[REPLICA])


def test_an_option_that_nobody_thought_of_is_found(version: str) -> None:
    more = listed(version)
    more[REPLICA] = more[REPLICA] | {"setup-time-travel"}
    assert unused(version, more) == {"setup-time-travel"}


def test_an_option_that_a_release_lacks_is_found(version: str) -> None:
    less = listed(version)
    less["ipa-client-install"] = less["ipa-client-install"] - {"subid"}
    assert unknown(version, less) == {"ipa-client-install": {"subid"}}


def test_builds_of_one_version_differ_and_the_list_of_the_master_decides() -> None:
    backend = FreeIpaBackend()
    without = sorted(set(RECORDED["4.12.4"][REPLICA]))
    assert not backend.offered({"FreeIPA": "4.12.4"}, {OFFER: [*without]}) & set(ENCRYPTION)
    more = [*without, "dns-over-tls", "dns-over-tls-cert", "dns-over-tls-key", "dns-policy", "dot-forwarder"]
    assert backend.offered({"FreeIPA": "4.12.2"}, {OFFER: [*more]}) == backend.options
    # A master that was registered before the list was read is judged by its version.
    assert backend.offered({"FreeIPA": "4.12.2"}, {}) == backend.options


def test_the_form_and_tables_of_requests_have_every_option() -> None:
    offered = FreeIpaBackend().options
    fields = set(ReplicaRequestForm(offered=offered).fields)
    assert offered - set(ONLY_LATER) <= fields
    assert offered - {*ONLY_LATER, *UPLOADS} <= set(COLUMNS)
    older = ReplicaRequestForm(offered=FreeIpaBackend().offered({"FreeIPA": "4.9.0"}, {})).fields
    assert not set(SINCE) & set(older)
