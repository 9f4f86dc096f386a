"""What the exit status of an installer means, and where it wrote down why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from replicas.backends.freeipa.installer import Installer
from replicas.backends.freeipa.symptoms import SYMPTOMS
from replicas.errors import CommandFailed, HostError, StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.symptoms import recognise, tables

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

LAST_LINES = 80
DOGTAG_LOGS = (
    "/var/log/pki/pki-*-spawn.*.log",
    "/var/log/pki/pki-tomcat/ca/debug*",
    "/var/log/pki/pki-tomcat/kra/debug*",
)
"""What makes an authority, and what the authority itself says meanwhile; each start and each day has a file."""
AGAIN = "retry: the retry removes what is half installed and installs it again. Undo removes all of it"
KNOWN = tables(SYMPTOMS)
FAILED = ("it failed on the way", f"See in the log why, then {AGAIN}.")
OPTIONS = ("it was given an option that it does not take", f"Correct what it names in the request, then {AGAIN}.")
UNCONFIGURED = (
    "it was given an option that it does not take, or found no server that is set up",
    f"See in the log which of the two, then {AGAIN}.",
)
MEANINGS: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "ipa-replica-install": {
        1: FAILED,
        2: OPTIONS,
        3: (
            "it refused before it began: the host or an agreement is there already, the domain level is not supported, "
            "the CA is missing, or certmonger does not answer",
            "See in the log which of them. If the host or the agreement belongs to a server that is in service, undo "
            f"this installation and choose another host. Otherwise, when the cause is gone, {AGAIN}.",
        ),
        4: (
            "the server that it was pointed to lacks the CA or the KRA that is asked for",
            f"Leave CA and KRA out, or take a master that has them: {AGAIN}.",
        ),
    },
    "ipa-client-install": {
        1: ("it failed on the way, and took back what it could", f"See in the log why, then {AGAIN}."),
        2: (
            "it was given an option that it does not take, or found no client that is set up",
            f"See in the log which of the two, then {AGAIN}.",
        ),
        3: (
            "the host is a client of a realm already",
            "It may be in use as a client: choose another host. Its file /etc/ipa/default.conf names the realm.",
        ),
        4: (
            "it put back the host's files and settings, and failed after that",
            f"See /var/log/ipaclient-uninstall.log on the host, then {AGAIN}.",
        ),
    },
    "ipa-dns-install": {1: FAILED, 2: UNCONFIGURED},
    "ipa-ca-install": {1: FAILED, 2: OPTIONS},
    "ipa-kra-install": {1: FAILED, 2: UNCONFIGURED},
}
"""By exit status; 4 of ipa-replica-install exists since 4.8. Its 0 is also what an answer of «no» leads to."""
UNKNOWN = ("FreeIPA gives this status no meaning", f"See the log, then {AGAIN}.")


def explain(program: str, host: str, status: int, installer: Installer, then: str = "") -> StepError:
    """For any other status than 0; a signal is CommandFailed, which can pass with the host's restart.

    `then` is what to do on a server that has more to lose than an installation.
    """
    if status > 128:
        raise CommandFailed(host, program, status, installer.failure, then or f"Then {AGAIN}.")
    meaning, remedy = MEANINGS[program].get(status, UNKNOWN)
    where = f" at «{installer.step}» ({installer.service})" if installer.step else ""
    message = f"{program} on {host} ended with status {status}: {meaning}{where}. {telling(installer)}"
    return StepError(message, then or remedy)


def telling(installer: Installer) -> str:
    """Its words for why it stopped; where they show no symptom, with the newest of its other remarks that does."""
    reason = installer.failure
    if recognise(reason, KNOWN) is None:
        for said in installer.said:
            if recognise(said, KNOWN):
                return f"{reason} It also said: {said}"
    return reason


def nothing_made(program: str, host: str, realm: str) -> StepError:
    """For status 0 without what it should have brought about."""
    return StepError(
        f"{program} on {host} ended with status 0, but {host} does not serve {realm}.",
        f"It may have ended at a question. See the log, then {AGAIN}.",
    )


def logs(instance: str) -> tuple[str, ...]:
    """Where the promotion, the Directory Server and Dogtag write, on the replica; a KRA has no log of its own in it."""
    return (
        "/var/log/ipaclient-install.log",
        "/var/log/ipareplica-install.log",
        "/var/log/ipareplica-conncheck.log",
        "/var/log/ipareplica-ca-install.log",
        f"/var/log/dirsrv/slapd-{instance}/errors",
        *DOGTAG_LOGS,
    )


async def collect(ctx: Context, *paths: str) -> None:
    """The ends of these files on the replica, into the run's log; what cannot be read is no error.

    Of a path with «*» it is the newest file that fits.
    """
    try:
        replica = await ctx.host("replica")
        for path in paths:
            found = await _newest(replica, path) if "*" in path else path
            if found:
                await _show(ctx, replica, found)
    except HostError as error:
        ctx.log(f"The installer's logs were not read: {error.message}", "warning")


async def _newest(replica: Host, pattern: str) -> str:
    """Empty where there is none. Raises HostError."""
    folder = pattern.partition("*")[0].rpartition("/")[0]
    shown = await replica.run(
        "find", folder, "-maxdepth", "1", "-type", "f", "-path", pattern, "-printf", "%T@ %p\n", check=False
    )
    dated = [line.split(" ", 1) for line in shown.text.splitlines()]
    return max(dated, key=lambda one: float(one[0]))[1] if dated else ""


async def _show(ctx: Context, replica: Host, path: str) -> None:
    shown = await replica.run("tail", "-n", str(LAST_LINES), "--", path, check=False)
    if shown.status == 0 and shown.text.strip():
        ctx.log(f"The end of {path} on {replica.name}:", "error")
        ctx.log(shown.text.rstrip("\n"), "debug")
