"""The frozen description of one piece of work: everything that steps may know, and nothing secret."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
Action = Literal[
    "install", "dns", "records", "ca", "kra", "hide", "unhide", "reinit", "segment", "undo", "remove", "revoke", "look",
]  # fmt: skip
"""The last one is no plan's: it only reads (replicas/lifecycle/looking.py)."""
Role = Literal["master", "replica"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a host answers SSH, and the key it must present (`host_key` is an OpenSSH public key line)."""

    hostname: str
    address: str
    host_key: str
    port: int = 22
    user: str = "root"


@dataclass(frozen=True, slots=True)
class RealmFacts:
    """What the portal learned about a realm when its master was registered."""

    name: str
    domain: str
    suffix: str
    backend: str
    dns: bool
    ca_certificate: str


@dataclass(frozen=True, slots=True)
class UploadedCertificate:
    """A certificate that was uploaded for a service of the replica, as approvers see it; its key is in no job.

    `begins` and `ends` in ISO 8601; fingerprints (SHA-256, hex) of the certificate, and of its chain up to the root.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: str
    ends: str
    sha256: str
    chain: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        return dataclasses.asdict(self) | {"names": list(self.names), "chain": list(self.chain)}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> UploadedCertificate | None:
        return cls(**data | {name: tuple(data[name]) for name in ("names", "chain")}) if data else None


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of a request, named as the options of ipa-replica-prepare and -install (guide, 1 and 3)."""

    ip_addresses: tuple[str, ...] = ()
    reverse_zone: str = ""
    no_reverse: bool = False
    setup_ca: bool = False
    setup_dns: bool = False
    forwarders: tuple[str, ...] = ()
    no_forwarders: bool = False
    forward_policy: str = "first"
    no_dnssec_validation: bool = False
    skip_conncheck_reason: str = ""
    other_host_reason: str = ""
    bundle_hours: int = 24
    keep_bundle: bool = False
    host_gone_reason: str = ""
    removal_reason: str = ""
    instead_of: str = ""
    """The replica's own master, where it is left out of a removal: the job's master is another server of the realm."""
    setup_kra: bool = False
    setup_adtrust: bool = False
    hidden_replica: bool = False
    no_ntp: bool = False
    mkhomedir: bool = False
    no_ssh: bool = False
    no_sshd: bool = False
    skip_mem_check: bool = False
    dirsrv_cert_file: str = ""
    http_cert_file: str = ""
    pkinit_cert_file: str = ""
    no_pkinit: bool = False
    auto_forwarders: bool = False
    auto_reverse: bool = False
    allow_zone_overlap: bool = False
    more_reverse_zones: tuple[str, ...] = ()
    dns_over_tls: bool = False
    dot_forwarders: tuple[str, ...] = ()
    dns_policy: str = ""
    dns_over_tls_cert: str = ""
    dns_over_tls_key: str = ""
    no_host_dns: bool = False
    ntp_servers: tuple[str, ...] = ()
    ntp_pool: str = ""
    no_dns_sshfp: bool = False
    ssh_trust_dns: bool = False
    no_ui_redirect: bool = False
    add_agents: bool = False
    enable_compat: bool = False
    add_sids: bool = False
    netbios_name: str = ""
    rid_base: int | None = None
    secondary_rid_base: int | None = None
    skip_schema_check: bool = False
    dirsrv_config_file: str = ""
    pki_config_override: str = ""
    token_name: str = ""
    token_library_path: str = ""
    token_password_file: str = ""
    dirsrv_cert_name: str = ""
    http_cert_name: str = ""
    pkinit_cert_name: str = ""
    leftovers_reason: str = ""
    """Why what the realm knows of an earlier replica of that name is removed first; empty: it is refused."""
    dirsrv_certificate: UploadedCertificate | None = None
    http_certificate: UploadedCertificate | None = None
    pkinit_certificate: UploadedCertificate | None = None
    subid: bool = False
    suffix: str = ""
    partner: str = ""
    """What is replicated with which other server, where an action is about one agreement."""


SOME_REALMS = (
    "setup_kra", "setup_adtrust", "hidden_replica", "no_ntp", "mkhomedir", "no_ssh", "no_sshd", "skip_mem_check",
    "no_pkinit", "auto_forwarders", "auto_reverse", "allow_zone_overlap", "dns_over_tls", "no_host_dns",
    "no_dns_sshfp", "ssh_trust_dns", "no_ui_redirect", "add_agents", "enable_compat", "add_sids", "skip_schema_check",
    "subid",
)  # fmt: skip
"""Choices that only some kinds of realm have: `Backend.offered` says which."""
LISTS = ("more_reverse_zones", "dot_forwarders", "ntp_servers")
TEXTS = (
    "dns_policy", "dns_over_tls_cert", "dns_over_tls_key", "ntp_pool", "netbios_name", "dirsrv_config_file",
    "pki_config_override", "token_name", "token_library_path", "token_password_file", "dirsrv_cert_name",
    "http_cert_name", "pkinit_cert_name", "leftovers_reason",
)  # fmt: skip
NUMBERS = ("rid_base", "secondary_rid_base")
"""Likewise: lists of words, texts and numbers."""
CERTIFICATE_FILES = ("dirsrv_cert_file", "http_cert_file", "pkinit_cert_file")
"""Likewise: paths on the replica, of certificates that an authority outside of the realm issued."""
CertificateName = Literal["dirsrv_certificate", "http_certificate", "pkinit_certificate"]
UPLOADS: tuple[CertificateName, ...] = get_args(CertificateName)
"""The same, uploaded: in the place of the file whose name begins alike (`file_of`)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plan needs before it runs: approvals, of people in one of the groups if any are named; and when it may.

    `windows` are lines of replicas/lifecycle/windows.py in `zone`; a plan that is not approved in time is void.
    """

    needed: int = 1
    groups: tuple[str, ...] = ()
    expiry_hours: int | None = None
    windows: tuple[str, ...] = ()
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Job:
    """One action on one replica. Its canonical JSON is part of what an approver signs off."""

    action: Action
    realm: RealmFacts
    master: Endpoint
    replica: Endpoint
    options: Options
    policy: Policy = Policy()

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        options = dict(data["options"])
        for name in ("ip_addresses", "forwarders", *LISTS):
            options[name] = tuple(options.get(name, ()))
        for upload in UPLOADS:
            options[upload] = UploadedCertificate.from_json(options.get(upload))
        return cls(
            action=data["action"],
            realm=RealmFacts(**data["realm"]),
            master=Endpoint(**data["master"]),
            replica=Endpoint(**data["replica"]),
            options=Options(**options),
            policy=_policy(data.get("policy", {})),
        )

    @property
    def bundle_path(self) -> str:
        """Where the bundle lies, on the master and on the replica alike (guide, step 1)."""
        return f"/var/lib/ipa/replica-info-{self.replica.hostname}.gpg"

    @property
    def instance(self) -> str:
        """The Directory Server instance, as FreeIPA names it: the realm with dots turned into hyphens."""
        return self.realm.name.replace(".", "-")


REALM_OPTIONS: tuple[str, ...] = (*SOME_REALMS, *LISTS, *TEXTS, *NUMBERS, *CERTIFICATE_FILES, *UPLOADS)
"""All that only some realms have."""


def file_of(upload: str) -> str:
    """The option that names a file on the host in the place of an upload."""
    return upload.replace("_certificate", "_cert_file")


def label_of(upload: str) -> str:
    """The option that says which of several certificates in that file."""
    return upload.replace("_certificate", "_cert_name")


def _policy(data: dict[str, Any]) -> Policy:
    """Plans from before there were policies have none."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Policy(**given)


def digest(job: dict[str, Any], steps: list[dict[str, JSON]]) -> str:
    """SHA-256 (hex) over the canonical JSON of a plan as it is stored; approvals are given to this."""
    canonical = json.dumps({"job": job, "steps": steps}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
