"""The interfaces between the engine, steps and backends. Nothing here knows Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from replicas.lifecycle.job import JSON, Action, CertificateName, Endpoint, Job, Role

if TYPE_CHECKING:
    from replicas.clients.replication import Waiting
    from replicas.clients.ssh import Host
    from replicas.errors import WrongPassword
    from replicas.lifecycle.symptoms import Symptom

Level = Literal["debug", "info", "warning", "error"]
PasswordName = Literal["directory_manager", "admin"]
KeytabName = Literal["keytab"]
SecretName = PasswordName | CertificateName | KeytabName


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record; `name` and a target in `value` are fully qualified, with the final dot."""

    name: str
    type: str
    value: str
    ttl: int = 3600

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} IN {self.type} {self.value}"


TouchKind = Literal[
    "record", "certificate", "key", "file", "service", "port", "directory", "agreement", "principal", "user", "command",
    "read", "exception",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Touch:
    """One concrete thing that a step will touch: a DNS record, a file, an entry of the directory; and on which host.

    `where` is a host, or the realm for what all its servers share; empty for what has no place of its own.
    """

    kind: TouchKind
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one pre-flight check; `remedy` is empty for a good one."""

    check: str
    level: Literal["ok", "warning", "error"]
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a master offers: read once when it is registered, and used by the forms."""

    realm: str
    domain: str
    suffix: str
    dns: bool
    ca: bool
    ca_certificate: str
    versions: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[str, JSON] = field(default_factory=dict)
    """What else its kind of realm knows: other roles, servers, domain level; kept with the master as it is."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """A server of the realm: what it serves beside the directory, and what is wrong with it, if anything."""

    name: str
    roles: tuple[str, ...] = ()
    problem: str = ""
    suffixes: tuple[str, ...] = ()
    """What it replicates, in the realm's names, where there are several."""


@dataclass(frozen=True, slots=True)
class AgreementHealth:
    """One direction of replication. `lag`: for how many seconds the oldest change has waited that did not arrive.

    None when one of the two servers did not say; 0 when the consumer has everything.
    """

    supplier: str
    consumer: str
    lag: float | None
    problem: str = ""
    suffixes: tuple[str, ...] = ()
    retrying: str = ""
    """What the supplier says of an update that it tries again by itself."""
    tried: str = ""
    """Tells a failed attempt to reach the consumer from the next one; empty when the last attempt did not fail so."""
    waiting: tuple[Waiting, ...] = ()
    clock: float = 0.0
    """The supplier's (Unix), when it was read."""


@dataclass(frozen=True, slots=True)
class CertificateHealth:
    """Days that a certificate has left; negative when it has expired."""

    what: str
    days: int


@dataclass(frozen=True, slots=True)
class SuggestedAgreement:
    """Two servers that should replicate with each other; `suffix` is the realm's name for what they would replicate.

    `command` is what somebody types who does it without the portal.
    """

    suffix: str
    one: str
    other: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What one look at a realm found; `bundles`, which the engine adds, are paths of files that lie around."""

    servers: tuple[ServerHealth, ...]
    agreements: tuple[AgreementHealth, ...]
    certificates: tuple[CertificateHealth, ...]
    bundles: tuple[str, ...] = ()
    suggested: tuple[SuggestedAgreement, ...] = ()
    name_servers: tuple[str, ...] = ()
    """Addresses of the servers with name service; empty where the master that was asked has it."""
    records: tuple[tuple[str, Record], ...] = ()
    """DNS records that the realm itself expects, beside Backend.records, each with the server that it leads to."""


class Context(Protocol):
    """What a step may use. The engine implements it; a step never sees the ORM."""

    job: Job

    def check(self) -> None:
        """Raises when the run is not ours any more. Connections that no `host` gives ask it before each operation."""
        ...

    async def host(self, role: Role) -> Host:
        """An open connection to that host, kept across steps. Raises HostUnreachable, HostKeyChanged."""
        ...

    def secret(self, name: SecretName) -> str:
        """A password of this run, an uploaded certificate with its key (PEM), a keytab (base64).

        Raises StepError without it.
        """
        ...

    def has(self, name: SecretName) -> bool:
        """Whether there is that secret."""
        ...

    def rejected(self, name: SecretName, error: WrongPassword) -> None:
        """Note that the realm rejected that secret: a check does not try it again."""
        ...

    def mask(self, *values: str | bytes) -> None:
        """Make the log writer replace these from now on: secrets that a step generated or read."""
        ...

    def log(self, text: str, level: Level = "info") -> None:
        """One line for people (several when `text` holds newlines)."""
        ...

    async def command(
        self,
        role: Role,
        name: str,
        argv: list[str],
        *,
        input: bytes | None = None,
        timeout: float = 3600,
        prepare: Callable[[], Awaitable[None]] | None = None,
        heard: Callable[[str], None] | None = None,
        scratch: str = "",
        shown: Callable[[str], None] = lambda text: None,
    ) -> int:
        """Run a long command on a host: it goes on when the portal or the network goes, and its output is logged.

        An attempt that finds it running, or ended unheard, follows it from the byte up to which its output is stored;
        `prepare` is awaited before a new start only; `heard` gets each piece of output as it is logged, and
        `shown` each state of a line that carriage returns rewrite, of which the log gets the last one. `name` is unique
        in the plan. The folder `scratch`, below /run, goes when the command is killed or fails; one that succeeds
        removes it itself. Returns the exit status (128 and the number for a signal). Raises CommandFailed after
        `timeout` seconds, while the command goes on; HostUnreachable.
        """
        ...

    def progress(self, done: int, total: int, unit: str = "") -> None:
        """How far this step is, in real numbers: entries sent of entries there, bytes, ports.

        `unit` may go on with what it is at, and is cut off where that gets long.
        """
        ...

    @property
    def facts(self) -> Mapping[str, JSON]:
        """What this and earlier steps of the run recorded, attempts before a crash included."""
        ...

    async def fact(self, key: str, value: JSON) -> None:
        """Record a fact durably: when this returns, it survives a kill. Never a secret."""
        ...


class Step:
    """One thing that a plan does. Instances hold no state: what must survive goes into facts.

    `key` is stable and unique in a plan, `title` is the line that the log shows, `stage` is one of STAGES. Facts that
    approvers should see come from `touches`. A step may raise any PortalError.
    """

    key: str
    title: str
    stage: str
    undoable: bool = True
    undo_title: str = ""
    """The line that the log of a removal shows."""
    undo_destroys: ClassVar[bool] = False
    """Whether undo ends something that no other step can bring back: a certificate, data."""

    def touches(self, job: Job) -> list[Touch]:
        """What the step will touch, concretely: records, certificates, files, ports, commands."""
        return []

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        """Return the files that `run` replaces and the folders in which it makes files, each with its host."""
        return []

    def undo_touches(self, job: Job) -> list[Touch]:
        """The same of undo."""
        return self.touches(job)

    def lasting(self, job: Job) -> list[str]:
        """What stays even when the step is undone, one sentence each: approvers see it before anything happens."""
        return []

    def undo_lasting(self, job: Job) -> list[str]:
        """The same of undo."""
        return []

    async def done(self, ctx: Context) -> bool:
        """Whether the goal is reached: asked before `run` (skip on resume) and after it (proof)."""
        raise NotImplementedError

    async def run(self, ctx: Context) -> None:
        """Reach the goal; safe to run again after being interrupted anywhere."""
        raise NotImplementedError

    async def undo(self, ctx: Context) -> None:
        """Revert everything that `run` did, finished or not, reporting what was found; safe to run again.

        In any later state: services stopped, instance half made, facts from several runs.
        """
        await self.undo_realm(ctx)
        await self.undo_host(ctx)

    async def undo_realm(self, ctx: Context) -> None:
        """What the realm knows: on the master, in the directory and in DNS. Needs no replica host."""

    async def undo_host(self, ctx: Context) -> None:
        """What is on the replica's host."""


STAGES = ("prepare", "transfer", "check", "install", "initialize", "verify", "remove")


class Backend(Protocol):
    """How one kind of realm is served."""

    kind: str
    title: str
    symptoms: tuple[Symptom, ...]
    """What its failures usually mean, beside those that all backends share."""
    secrets: tuple[PasswordName, ...]
    """The passwords that most of its runs need. The first is proved at the registration, and is what looks take."""

    actions: frozenset[Action]
    """The kinds of plans that there are for its replicas."""

    serial: frozenset[Action]
    """The kinds of plans of which one realm takes one at a time, whatever the master."""

    takes_keytab: bool
    """Whether a keytab, where one is stored, signs in to its realms in the place of a password."""
    options: frozenset[str]
    """Those of REALM_OPTIONS (lifecycle/job.py) that its replicas can have."""

    def offered(self, versions: Mapping[str, str], offers: Mapping[str, JSON]) -> frozenset[str]:
        """Return those of `options` that a master has, by its `versions` and `offers` (Capabilities)."""
        ...

    def needs(self, action: Action) -> tuple[PasswordName, ...]:
        """The passwords that a run of this action needs."""
        ...

    async def register(self, master: Host, passwords: Mapping[str, str]) -> Capabilities:
        """Read what the master is and offers, and prove the first of `secrets`; changes nothing.

        Raises StepError when it is not a master of this kind or one too old, and WrongPassword.
        """
        ...

    async def prove(self, ctx: Context, name: SecretName) -> None:
        """Show that the servers of the job accept the context's secret of that name, by a single try.

        Raises WrongPassword, and PortalError where they could not be asked.
        """
        ...

    async def preflight(self, ctx: Context) -> list[Finding]:
        """A bad result is a finding, never an exception."""
        ...

    def steps(self, job: Job) -> tuple[Step, ...]:
        """The steps of `job.action`, in order, shared ones included."""
        ...

    def records(self, job: Job) -> tuple[Record, ...]:
        """The DNS records that the realm should have for this replica, as far as they are known without asking it."""
        ...

    async def look(self, ctx: Context) -> Health:
        """Read-only, with the job's master as the way in. What is wrong with a server is said of that server.

        Raises PortalError when the master itself cannot be asked.
        """
        ...


__all__ = [
    "STAGES",
    "Action",
    "Backend",
    "Capabilities",
    "Context",
    "Endpoint",
    "Finding",
    "Health",
    "Level",
    "PasswordName",
    "Record",
    "SecretName",
    "Step",
    "Touch",
]
