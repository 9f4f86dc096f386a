"""Open the bundle on the replica and put its files where the services look for them."""

from __future__ import annotations

from replicas.backends.native.access import render
from replicas.backends.native.names import (
    CA_CERTIFICATE,
    KDC_FOLDER,
    LDAP_CLIENT,
    WEB_CERTIFICATE,
    WEB_KEY,
    WEB_ROOT,
)
from replicas.backends.native.opening import SECONDS, open_bundle, refuse_foreign_addresses
from replicas.backends.native.places import Placed, keep, put, restore
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job, Role
from replicas.lifecycle.steps import sealed
from replicas.lifecycle.steps.leftovers import drop_empty
from replicas.together import together

TRUSTED = "/usr/local/share/ca-certificates/ipa-ca.crt"
# Those that the step may have made, the innermost first.
FOLDERS = (
    f"{WEB_ROOT}/ipa/config",
    f"{WEB_ROOT}/ipa/crl",
    f"{WEB_ROOT}/ipa",
    WEB_ROOT,
    "/etc/ipa",
    "/etc/ldap",
    "/usr/local/share/ca-certificates",
    "/var/lib/ipa/certs",
    "/var/lib/ipa/private",
)


class OpenBundle(Step):
    """Check that the bundle is for this host, and unpack the files of Kerberos and the web server.

    From then on the host trusts the realm's authority, and its LDAP programs need no options.

    With that the bundle is used: this run may open it again, nobody else may. Fact `bundle_opened`: its digest. Undo
    removes the files. Raises WrongPassword, BundleError, StepError.
    """

    key = "open-bundle"
    title = "Opening the replica information file"
    stage = "install"
    undo_title = "Removing the files of the bundle, and the trust in the authority"

    def touches(self, job: Job) -> list[Touch]:
        found = [Touch("file", path, job.replica.hostname) for path in (*self._paths(job), TRUSTED)]
        if reason := job.options.other_host_reason:
            found.append(Touch("exception", f"a bundle for another host is accepted, because: {reason}"))
        return found

    def writes(self, job: Job) -> list[tuple[Role, str]]:
        return [("replica", path) for path in (*self._paths(job), TRUSTED, "/etc/ssl/certs")]

    async def done(self, ctx: Context) -> bool:
        if not sealed.is_about(ctx.facts, sealed.OPENED):
            return False
        replica = await ctx.host("replica")
        return (await replica.run("ls", "--", *self._paths(ctx.job), check=False)).status == 0

    async def run(self, ctx: Context) -> None:
        await keep(ctx, *self._paths(ctx.job), TRUSTED)
        await together(refuse_foreign_addresses(ctx), self._open(ctx), self._trust(ctx))
        await ctx.fact(sealed.OPENED, ctx.facts.get(sealed.SHA256))

    async def undo_host(self, ctx: Context) -> None:
        replica = await ctx.host("replica")
        await restore(ctx, *self._paths(ctx.job), TRUSTED)
        before = (await replica.run("cat", "--", TRUSTED, check=False)).text
        await replica.python("native_trust", {"pem": before}, timeout=SECONDS)
        ctx.log(f"{replica.name} does not trust the authority of {ctx.job.realm.name} any more")
        await drop_empty(replica, *FOLDERS)

    async def _open(self, ctx: Context) -> None:
        files = [
            {"member": member, "path": path, "mode": mode, "owner": "root:root"}
            for path, (member, mode) in self._files(ctx.job).items()
        ]
        pair = {
            "package": "httpcert.p12",
            "pin": "http_pin.txt",
            "certificate": WEB_CERTIFICATE,
            "key": WEB_KEY,
        }
        answer = await open_bundle(ctx, files=files, pairs=[pair])
        made_for = answer["realm"]["destination_host"]
        ctx.log(f"Opened {ctx.job.bundle_path}, made for {made_for}: {len(answer['members'])} files")
        if made_for != ctx.job.replica.hostname:
            ctx.log(f"Used on {ctx.job.replica.hostname} because: {ctx.job.options.other_host_reason}", "warning")

    async def _trust(self, ctx: Context) -> None:
        job, replica = ctx.job, await ctx.host("replica")
        own = render("ldap.conf", authority=CA_CERTIFICATE, host=job.replica.hostname, suffix=job.realm.suffix)
        await replica.run("install", "-d", "-m", "0700", "/var/lib/ipa")
        await put(replica, Placed(LDAP_CLIENT, own))
        await replica.python("native_trust", {"pem": job.realm.ca_certificate}, timeout=SECONDS)
        ctx.log(f"{job.replica.hostname} trusts the authority of {job.realm.name}")

    def _paths(self, job: Job) -> list[str]:
        return [*self._files(job), WEB_CERTIFICATE, WEB_KEY, LDAP_CLIENT]

    def _files(self, job: Job) -> dict[str, tuple[str, int]]:
        return {
            CA_CERTIFICATE: ("ca.crt", 0o644),
            f"{WEB_ROOT}/ipa/config/ca.crt": ("ca.crt", 0o644),
            f"{WEB_ROOT}/ipa/crl/MasterCRL.pem": ("crl.pem", 0o644),
            f"{KDC_FOLDER}/kdc.conf": ("kdc.conf", 0o644),
            f"{KDC_FOLDER}/kadm5.acl": ("kadm5.acl", 0o644),
            f"{KDC_FOLDER}/.k5.{job.realm.name}": ("kdc_stash", 0o600),
            f"{KDC_FOLDER}/service.keyfile": ("kdc_service.keyfile", 0o600),
        }
