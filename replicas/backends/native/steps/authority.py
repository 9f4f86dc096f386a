"""A second authority of the realm on the replica (--setup-ca)."""

from __future__ import annotations

from replicas.backends.native.names import CA_FOLDER
from replicas.backends.native.opening import open_bundle
from replicas.backends.native.places import Placed, put
from replicas.backends.native.steps.directory import REPLICA_ID
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import discard, drop_empty

CERTIFIED = "authority_bundle"
SERIAL_BITS = 28
PRIVATE = f"{CA_FOLDER}/private/ca.key"
AGENT = ("/var/lib/ipa/ra-agent.pem", "/var/lib/ipa/private/ra-agent.key")
FOLDERS = ("/var/lib/ipa/certs", "/var/lib/ipa/private")
DOGTAG = ("/var/lib/ipa/certs/dogtag.crt", "/var/lib/ipa/private/dogtag.key")


def first_serial(replica_id: int) -> int:
    """Each server has numbers of its own, so that no two authorities give out the same one."""
    return replica_id << SERIAL_BITS


class ConfigureAuthority(Step):
    """The realm's authority with a serial range and a revocation list of its own. Undo removes it.

    Fact `authority_bundle`: where its certificates are from. Raises StepError, CommandFailed, BundleError.
    """

    key = "configure-authority"
    title = "Configuring certificate server (openssl ca)"
    stage = "install"
    undo_title = "Removing the certificate server"
    undo_destroys = True

    def touches(self, job: Job) -> list[Touch]:
        return [
            Touch("file", CA_FOLDER, job.replica.hostname),
            Touch("key", "the key of the realm's authority", job.replica.hostname),
        ]

    def lasting(self, job: Job) -> list[str]:
        return [f"{job.replica.hostname} has had the key of the authority of {job.realm.name}."]

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in (CA_FOLDER, *AGENT, *DOGTAG)]

    async def done(self, ctx: Context) -> bool:
        if not sealed.is_about(ctx.facts, CERTIFIED):
            return False
        wanted = (PRIVATE, f"{CA_FOLDER}/serial", f"{CA_FOLDER}/crl.pem")
        return (await (await ctx.host("replica")).run("ls", "--", *wanted, check=False)).status == 0

    async def run(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        replica_id = ctx.facts.get(REPLICA_ID)
        if not isinstance(replica_id, int):
            raise StepError("The replica has no id yet.", "Configure its directory server first.")
        await replica.run(
            "install",
            "-d",
            "-m",
            "0700",
            CA_FOLDER,
            f"{CA_FOLDER}/private",
            f"{CA_FOLDER}/newcerts",
        )
        await open_bundle(ctx, files=self._files(), pairs=self._pairs())
        first = first_serial(replica_id)
        if not await replica.exists(f"{CA_FOLDER}/serial"):
            await put(
                replica,
                *(
                    Placed(f"{CA_FOLDER}/{name}", text, 0o600)
                    for name, text in (
                        ("serial", f"{first:X}\n"),
                        ("crlnumber", f"{first:X}\n"),
                        ("lock", ""),
                    )
                ),
            )
        await replica.python("native_crl", {})
        await ctx.fact(CERTIFIED, ctx.facts.get(sealed.SHA256))
        ctx.log(f"  serial numbers {first:X} to {first_serial(replica_id + 1) - 1:X}")

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await discard(ctx, replica, CA_FOLDER, *AGENT, *DOGTAG)
        await drop_empty(replica, *FOLDERS)

    def _files(self) -> list[dict[str, object]]:
        members = {"ca_openssl.cnf": "openssl.cnf", "ca_index.txt": "index.txt"}
        return [
            {"member": member, "path": f"{CA_FOLDER}/{name}", "mode": 0o600, "owner": "root:root"}
            for member, name in members.items()
        ]

    def _pairs(self) -> list[dict[str, str]]:
        packages = (
            ("cacert", (f"{CA_FOLDER}/ca.crt", PRIVATE), "cacert_pin.txt"),
            ("ra", AGENT, "ra_pin.txt"),
            ("dogtagcert", DOGTAG, "dogtag_pin.txt"),
        )
        return [
            {"package": f"{name}.p12", "pin": pin, "certificate": certificate, "key": key}
            for name, (certificate, key), pin in packages
        ]
