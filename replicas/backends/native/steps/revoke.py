"""Revoke the certificates of a bundle that was never, or will never be, of use."""

from __future__ import annotations

import re

from replicas.backends.native import bundle
from replicas.backends.native.steps.prepare import REVOKED, forget, revoke
from replicas.errors import StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import sealed

PUBLISHED = "/var/www/ipa/ipa/crl/MasterCRL.pem"
DONE = "certificates_revoked"
SERIAL = re.compile(r"^\s*Serial Number:\s*([0-9A-F]+)\s*$", re.MULTILINE)


class RevokeCertificates(Step):
    """On the published list, as OpenSSL reads it. Fact `certificates_revoked`: the digest of the bundle.

    Raises StepError.
    """

    key = "revoke-certificates"
    title = "Revoking the certificates of the bundle"
    stage = "remove"
    undoable = False

    def touches(self, job: Job) -> list[Touch]:
        subjects = sorted({order.subject for order in bundle.orders(job)})
        where = job.master.hostname
        return [Touch("certificate", f"{subject}, revoked, and on {PUBLISHED}", where) for subject in subjects]

    def lasting(self, job: Job) -> list[str]:
        return [REVOKED]

    async def done(self, ctx: Context) -> bool:
        return sealed.is_about(ctx.facts, DONE)

    async def run(self, ctx: Context) -> None:
        await forget(ctx)
        await revoke(ctx)
        await self._prove(ctx)
        await ctx.fact(DONE, ctx.facts.get(sealed.SHA256))

    async def _prove(self, ctx: Context) -> None:
        master, serials = await ctx.host("master"), ctx.facts.get(sealed.SERIALS)
        shown = (await master.run("openssl", "crl", "-in", PUBLISHED, "-noout", "-text")).text
        wanted = {str(serial) for serial in serials.values()} if isinstance(serials, dict) else set()
        listed = {int(number, 16) for number in SERIAL.findall(shown)}
        if missing := {serial for serial in wanted if int(serial, 16) not in listed}:
            raise StepError(
                f"The revocation list of {master.name} lacks the certificates {', '.join(sorted(missing))}.",
                f"Look at {PUBLISHED} there, then try again.",
            )
        ctx.log(f"On the revocation list of {master.name}: certificates {', '.join(sorted(wanted))}")
