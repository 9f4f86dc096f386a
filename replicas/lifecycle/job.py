"""The frozen description of one piece of work: everything that steps may know, and nothing secret."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
Action = Literal["install", "dns", "records", "undo", "remove", "revoke", "look"]
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
        for name in ("ip_addresses", "forwarders"):
            options[name] = tuple(options[name])
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


def _policy(data: dict[str, Any]) -> Policy:
    """Plans from before there were policies have none."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Policy(**given)


def digest(job: dict[str, Any], steps: list[dict[str, JSON]]) -> str:
    """SHA-256 (hex) over the canonical JSON of a plan as it is stored; approvals are given to this."""
    canonical = json.dumps({"job": job, "steps": steps}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
