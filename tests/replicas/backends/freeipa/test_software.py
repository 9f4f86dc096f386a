"""What the host's packages must have; the host is a table of files and of what programs say of themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replicas.backends.freeipa import bundle, checks, installer_options, later, nameservice, software
from replicas.backends.freeipa.beforehand import ADVICE, CHECKS
from replicas.errors import StepError
from replicas.hostside import wire
from replicas.lifecycle.job import Action
from replicas.views.findings import NAMES
from tests.replicas.backends.freeipa.conftest import Make, RealmContext, job
from tests.replicas.backends.freeipa.test_prepare import EVERYTHING
from tests.replicas.clients.freeipa.conftest import Server

OF_CLIENT = (
    "domain hostname mkhomedir no-dns-sshfp no-ntp no-ssh no-sshd ntp-pool ntp-server realm server ssh-trust-dns "
    "subid unattended"
)
OF_REPLICA = (
    "add-agents add-sids allow-zone-overlap auto-forwarders auto-reverse dirsrv-cert-file dirsrv-cert-name "
    "dirsrv-config-file dirsrv-pin enable-compat forward-policy forwarder hidden-replica http-cert-file http-cert-name "
    "http-pin ip-address netbios-name no-dnssec-validation no-forwarders no-host-dns no-pkinit no-reverse "
    "no-ui-redirect pki-config-override pkinit-cert-file pkinit-cert-name pkinit-pin reverse-zone rid-base "
    "secondary-rid-base setup-adtrust setup-ca setup-dns setup-kra skip-conncheck skip-mem-check skip-schema-check "
    "token-library-path token-password-file unattended"
)
"""Names of options in the help of both installers of 4.12.4."""
TLS = ("--dns-over-tls", "--dns-over-tls-cert", "--dns-over-tls-key", "--dns-policy", "--dot-forwarder")
"""They are in builds of 4.12.2 by others, and in 4.12.5."""


def told(names: str) -> str:
    return "\n".join(f"    --{name}=VALUE" for name in names.split())


class Host:
    """Its files, the help of its installers, and how its forwarders answer."""

    name = "replica2.example.com"

    def __init__(self, *missing: str, **answers: tuple[bool, str]) -> None:
        self.missing, self.answers = missing, answers
        self.failing: dict[str, str] = {}
        self.help = {software.CLIENT: told(OF_CLIENT), software.REPLICA: told(OF_REPLICA)}

    async def exists(self, path: str) -> bool:
        return path not in self.missing

    async def run(self, path: str, *argv: str, check: bool) -> SimpleNamespace:
        assert argv == ("--help",)
        if path in self.failing:
            return SimpleNamespace(status=1, text="", stderr=f"Traceback\n{self.failing[path]}\n".encode())
        return SimpleNamespace(status=0, text=self.help[path], stderr=b"")

    async def python(self, program: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert program == "probe"
        said = {"ok": True, "detail": wire.SIGNED}
        bad = {address: {"ok": ok, "detail": detail} for address, (ok, detail) in self.answers.items()}
        return {"results": [{"address": one, **bad.get(one, said)} for one in payload["addresses"]]}


def on(host: Host, action: Action = "install", **options: Any) -> RealmContext:
    class OnHost(RealmContext):
        async def host(self, role: str) -> Any:
            assert role == "replica"
            return host

    return OnHost(job(action, **options), "")


async def test_the_installers_of_4_12_4_know_what_they_are_given() -> None:
    asked = {name: value for name, value in EVERYTHING.items() if not name.startswith(("dns_", "dot_"))}
    assert "know every option" in await software.options(on(Host(), ip_addresses=("10.77.0.12",), **asked))
    assert "know every option" in await software.options(on(Host(), setup_dns=True, no_forwarders=True))


async def test_what_an_installer_does_not_know_is_named_before_anything_is_changed() -> None:
    with pytest.raises(StepError, match="ipa-replica-install on .* does not know " + ", ".join(TLS)) as caught:
        await software.options(on(Host(), **EVERYTHING))
    assert "release that has it" in caught.value.remedy
    old = Host()
    old.help[software.CLIENT] = told("unattended hostname server domain realm")
    with pytest.raises(StepError, match="ipa-client-install on .* does not know --ntp-pool"):
        await software.options(on(old, ntp_pool="pool.example.com"))


async def test_a_mention_in_the_help_does_not_make_an_option_known() -> None:
    old = Host()
    old.help[software.CLIENT] = told(OF_CLIENT.replace("subid", "")) + "\n                        see --subid of others"
    with pytest.raises(StepError, match="ipa-client-install on .* does not know --subid"):
        await software.options(on(old, subid=True))


async def test_an_installer_that_cannot_say_its_options_is_quoted() -> None:
    broken = Host()
    broken.failing[software.CLIENT] = "socket.gaierror: [Errno -3] Temporary failure in name resolution"
    with pytest.raises(StepError, match=r"--help does not run on replica2.*: socket\.gaierror: .* resolution"):
        await software.options(on(broken))


async def test_the_masters_own_list_is_read() -> None:
    host: Any = Host()
    assert await installer_options.listed(host, software.REPLICA) == set(OF_REPLICA.split())
    host.failing[software.REPLICA] = "No such file or directory"
    assert await installer_options.listed(host, software.REPLICA) == set()


async def test_an_installer_that_is_not_there_is_told_by_another_check() -> None:
    assert "that could be asked" in await software.options(on(Host(software.REPLICA)))


@pytest.mark.parametrize(
    ("option", "path", "package"),
    [
        ("setup_dns", "/usr/sbin/ipa-dns-install", "freeipa-server-dns"),
        ("setup_adtrust", "/usr/sbin/smbd", "samba"),
        ("setup_adtrust", "/usr/bin/net", "samba"),
        ("setup_adtrust", "/usr/share/ipa/smb.conf.empty", "freeipa-server-trust-ad"),
    ],
)
async def test_what_an_option_takes_beside_the_server_is_named_with_its_package(
    option: str, path: str, package: str
) -> None:
    with pytest.raises(StepError, match=f"lacks {path}, which --{option.replace('_', '-')} takes") as caught:
        await software.packages(on(Host(path), "install", **{option: True}))
    assert package in caught.value.remedy
    assert path in await software.packages(on(Host(), "install", **{option: True}))
    assert "No option takes" in await software.packages(on(Host(path)))


FORWARDERS = ("192.0.2.53", "192.0.2.54")
SILENT = {"192.0.2.54": (False, "no answer within 10 s")}
UNSIGNED = {"192.0.2.54": (True, wire.UNSIGNED)}


async def test_a_silent_forwarder_stops_an_installer_that_validates() -> None:
    options: dict[str, Any] = {"setup_dns": True, "forwarders": FORWARDERS}
    for action in ("install", "dns"):
        with pytest.raises(StepError, match=r"192\.0\.2\.54 does not resolve names"):
            await nameservice.forwarding(on(Host(**SILENT), action, **options))
        assert "forwarding" in CHECKS[action]
        assert "forwarding" not in ADVICE
    assert "192.0.2.53" in await nameservice.forwarding(on(Host(**UNSIGNED), **options))
    assert "asks no forwarder" in await nameservice.forwarding(on(Host(**SILENT), **options, no_dnssec_validation=True))


async def test_what_the_installer_only_warns_of_is_advice() -> None:
    options: dict[str, Any] = {"setup_dns": True, "forwarders": FORWARDERS}
    with pytest.raises(StepError, match="leaves DNSSEC signatures out"):
        await nameservice.advised(on(Host(**UNSIGNED), **options))
    assert "nothing that" in await nameservice.advised(on(Host(**SILENT), **options)), "that is an error already"
    with pytest.raises(StepError, match="does not resolve names"):
        await nameservice.advised(on(Host(**SILENT), **options, no_dnssec_validation=True))
    assert "No forwarders" in await nameservice.advised(on(Host(), setup_dns=True, no_forwarders=True))


async def test_a_zone_that_is_there_cannot_be_made(context: Make, recorded: Server) -> None:
    zone, taken = "77.10.in-addr.arpa", "0.77.10.in-addr.arpa"
    recorded.expect("login_ok", "dnszone_find")
    with pytest.raises(StepError, match=f"has {taken} already"):
        await nameservice.unmade(context(setup_dns=True, more_reverse_zones=(taken, zone)))
    recorded.expect("login_ok", "dnszone_find")
    assert f"none of {zone}" in await nameservice.unmade(context(setup_dns=True, more_reverse_zones=(zone,)))
    made = context(setup_dns=True, more_reverse_zones=(taken,), allow_zone_overlap=True)
    assert "No zone" in await nameservice.unmade(made)


def test_an_installation_begins_with_all_of_them() -> None:
    assert {"new-zones", "packages", "options", "forwarding"} <= set(checks.CHECKS)
    assert {"new-zones", "forwarding", "name-installer"} <= set(later.CHECKS["dns"])


def test_every_check_has_a_name_for_people() -> None:
    assert {name for names in CHECKS.values() for name in names} <= set(NAMES)


def test_addresses_are_told_to_the_installer_of_a_name_server_alone() -> None:
    """Without name service it wants the host's own /etc/hosts to have all of them."""
    addresses = ("10.77.0.12", "2001:db8::12")
    assert not any("--ip-address" in one for one in bundle.promotion(job(ip_addresses=addresses)))
    wanted = bundle.promotion(job(ip_addresses=addresses, setup_dns=True, no_forwarders=True))
    assert [one for one in wanted if "--ip-address" in one] == [f"--ip-address={one}" for one in addresses]
