"""What is in a bundle of a FreeIPA replica, and what the installers are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from replicas.backends.freeipa import uploaded
from replicas.lifecycle.job import CERTIFICATE_FILES, Job, Options
from replicas.lifecycle.steps import packing

NONE: Mapping[str, bytes] = MappingProxyType({})
SWITCHES = ("no_host_dns", "no_ui_redirect", "add_agents", "enable_compat", "add_sids", "skip_schema_check")
VALUES = (
    "netbios_name", "rid_base", "secondary_rid_base", "dirsrv_config_file", "pki_config_override",
    "token_library_path", "token_password_file",
)  # fmt: skip
"""Options of ipa-replica-install that are handed on as they are; the token's name it takes from the realm itself."""
CA, PASSWORD, ANSWERS = "ca.crt", "host_password.txt", "answers.json"


def members(job: Job, password: str, certificates: Mapping[str, bytes] = NONE) -> dict[str, bytes]:
    """All of it: no key of the realm is among them, as the replica gets those itself once it is enrolled.

    `certificates` are what `uploaded.members` makes of certificates that somebody else issued.
    """
    return {
        **certificates,
        CA: job.realm.ca_certificate.encode(),
        PASSWORD: password.encode(),
        ANSWERS: json.dumps({"enrol": enrolment(job), "promote": promotion(job)}, indent=1).encode(),
        "realm_info": packing.describe(job),
    }


def enrolment(job: Job) -> list[str]:
    """Arguments of ipa-client-install, without the password and the authority's certificate."""
    return [
        "--unattended",
        f"--hostname={job.replica.hostname}",
        f"--server={job.master.hostname}",
        f"--domain={job.realm.domain}",
        # Newer installers refuse the name of a realm of one label. Without it they find it at the server themselves.
        *([f"--realm={job.realm.name}"] if "." in job.realm.name else []),
        *chosen(job, "no_ntp", "mkhomedir", "no_ssh", "no_sshd", "no_dns_sshfp", "ssh_trust_dns", "subid"),
        *(f"--ntp-server={server}" for server in job.options.ntp_servers),
        *given(job, "ntp_pool"),
    ]


def chosen(job: Job, *names: str) -> list[str]:
    """The options of these names that are asked for, as the installers spell them."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(job.options, name)]


def given(job: Job, *names: str) -> list[str]:
    """The same of options with a value."""
    found = {name: getattr(job.options, name) for name in names}
    return [f"--{name.replace('_', '-')}={value}" for name, value in found.items() if value not in ("", None)]


def promotion(job: Job) -> list[str]:
    """Arguments of ipa-replica-install on an enrolled host (docs/freeipa-realm.md); no secret among them.

    The connection check is the portal's own: the installer's wants an account's password.
    """
    options = job.options
    arguments = ["--unattended", "--skip-conncheck"]
    arguments += chosen(job, "setup_ca", "setup_kra", "setup_adtrust", "hidden_replica", "skip_mem_check", *SWITCHES)
    arguments += given(job, *VALUES)
    arguments += uploaded.arguments(options) or named(options)
    if options.setup_dns:
        # Without name service the installer refuses addresses that the host's own /etc/hosts does not have.
        addresses = [f"--ip-address={address}" for address in options.ip_addresses]
        arguments += ["--setup-dns", *addresses, *forwarding(job), *reverse(job), *encryption(job)]
    return arguments


def named(options: Options) -> list[str]:
    """Certificates in files on the host, whose keys have no password: the installer would ask for one."""
    found = []
    for name in CERTIFICATE_FILES:
        if path := getattr(options, name):
            service = name.partition("_")[0]
            found += [f"--{service}-cert-file={path}", f"--{service}-pin="]
            label = getattr(options, f"{service}_cert_name")
            found += [f"--{service}-cert-name={label}"] if label else []
    return found + (["--no-pkinit"] if found and not options.pkinit_cert_file or options.no_pkinit else [])


def forwarding(job: Job) -> list[str]:
    """The options about forwarders, the same for ipa-dns-install."""
    options = job.options
    if options.no_forwarders:
        found = ["--no-forwarders"]
    else:
        found = chosen(job, "auto_forwarders") + [f"--forwarder={address}" for address in options.forwarders]
        found.append(f"--forward-policy={options.forward_policy}")
    return found + (["--no-dnssec-validation"] if options.no_dnssec_validation else [])


def reverse(job: Job) -> list[str]:
    """Zones to be made: the installer refuses to hear of one that exists, as the one for the PTR records has to.

    Those records the portal adds itself.
    """
    found = [f"--reverse-zone={zone}" for zone in job.options.more_reverse_zones] + chosen(job, "auto_reverse")
    return (found or ["--no-reverse"]) + chosen(job, "allow_zone_overlap")


def encryption(job: Job) -> list[str]:
    """DNS over TLS."""
    forwarders = [f"--dot-forwarder={one}" for one in job.options.dot_forwarders]
    values = given(job, "dns_policy", "dns_over_tls_cert", "dns_over_tls_key")
    return chosen(job, "dns_over_tls") + forwarders + values
