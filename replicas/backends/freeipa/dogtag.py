"""The installers of CA and KRA for a server that has none yet: what they are told, what they need, what they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicas.backends.freeipa import bundle, realm, serving
from replicas.backends.freeipa.access import session
from replicas.backends.freeipa.installer_options import TOKEN, names
from replicas.errors import StepError
from replicas.lifecycle.base import Context
from replicas.lifecycle.job import Action, Job

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

INSTANCE = "/var/lib/pki/pki-tomcat/conf"


@dataclass(frozen=True, slots=True)
class Part:
    """A role that an installer of its own adds; `left` is there from the middle of it on."""

    role: str
    short: str
    program: str
    switches: tuple[str, ...]
    values: tuple[str, ...]
    left: str
    log: str

    @property
    def path(self) -> str:
        return f"/usr/sbin/{self.program}"

    def arguments(self, job: Job) -> list[str]:
        """No password among them. The connection check was the portal's own, when the server was installed."""
        alone = ["--skip-conncheck"] if self.short == "CA" else []
        return ["--unattended", *alone, *bundle.chosen(job, *self.switches), *bundle.given(job, *self.values)]


PARTS: dict[Action, Part] = {
    "ca": Part(
        role=serving.CA,
        short="CA",
        program="ipa-ca-install",
        switches=("no_host_dns", "skip_schema_check"),
        values=("pki_config_override", *TOKEN),
        left=f"{INSTANCE}/ca/CS.cfg",
        log="/var/log/ipareplica-ca-install.log",
    ),
    "kra": Part(
        role=serving.KRA,
        short="KRA",
        program="ipa-kra-install",
        switches=("no_host_dns",),
        values=("pki_config_override", "token_password_file"),
        left=f"{INSTANCE}/kra/CS.cfg",
        log="/var/log/ipaserver-kra-install.log",
    ),
}


async def lacking(ctx: Context) -> str:
    """The server has not got the role, not even half, and another one has it. Raises StepError."""
    part, name = PARTS[ctx.job.action], ctx.job.replica.hostname
    async with session(ctx) as opened:
        roles = await serving.roles(opened, name)
        holders = (await realm.role_holders(opened))[part.short]
    if (status := roles.get(part.role, "absent")) != "absent":
        whole = status in (realm.ENABLED, serving.HIDDEN)
        remedy = "There is nothing to set up." if whole else half(name, part)
        raise StepError(f"{name} has a {part.short} already, which is {status}.", remedy)
    if part.short == "KRA" and roles.get(serving.CA) not in (realm.ENABLED, serving.HIDDEN):
        raise StepError(f"{name} has no CA, without which there is no KRA.", "Add a CA to it first.")
    if not holders:
        raise StepError(
            f"No server of {ctx.job.realm.name} has a {part.short} that is announced, so there is none to copy.",
            f"The first one is set up on a server by hand, with {part.program}.",
        )
    await refuse_half(ctx)
    return f"{name} has no {part.short}; {', '.join(holders)} has one"


async def refuse_half(ctx: Context) -> None:
    """Raises StepError for what an installer before left in the middle."""
    part, replica = PARTS[ctx.job.action], await ctx.host("replica")
    if await replica.exists(part.left):
        raise StepError(
            f"{replica.name} has {part.left}: {part.program} was interrupted there, and does not go on.",
            half(replica.name, part),
        )


def half(name: str, part: Part) -> str:
    """What to do about a role that is neither there nor absent."""
    return (
        f"{name} serves everything else as before. If the {part.short} is incomplete, FreeIPA can remove it only "
        f"together with the whole server: set up the {part.short} on another replica, or, when the realm can do "
        f"without {name}, request its removal and then request it again with a {part.short}."
    )


async def knows(ctx: Context) -> str:
    """The release on the host has the installer, and every option that it will be given. Raises StepError."""
    part, replica = PARTS[ctx.job.action], await ctx.host("replica")
    return await known_options(replica, part.path, part.arguments(ctx.job))


async def known_options(replica: Host, path: str, arguments: list[str]) -> str:
    """By what the program says of itself. Raises StepError."""
    host, shown = replica.name, await replica.run(path, "--help", check=False)
    if shown.status:
        output = shown.stderr.decode(errors="replace").split("\n") + shown.text.split("\n")
        reason = next((line.strip() for line in reversed(output) if line.strip()), f"it ended with {shown.status}")
        raise StepError(
            f"{path} --help does not run on {host}: {reason}",
            "Make the host's own name resolve if it does not, and install the package that the program is from.",
        )
    wanted = {argument.partition("=")[0] for argument in arguments}
    if unknown := sorted(wanted - {f"--{name}" for name in names(shown.text)}):
        raise StepError(
            f"{path} on {host} does not know {', '.join(unknown)}: its release lacks that.",
            "Leave the option out, or bring the host to a release that has it.",
        )
    return f"{path} on {host} knows every option that it will be given"
