"""Prove that the replica serves, with a user that is made for the purpose and removed again."""

from __future__ import annotations

import secrets
import time
from typing import Any

from replicas.backends.native.access import directory
from replicas.backends.native.names import Names
from replicas.clients import kerberos, replication
from replicas.clients.ldap import Directory
from replicas.errors import DirectoryError, StepError
from replicas.lifecycle.base import Context, Step, Touch
from replicas.lifecycle.job import Job
from replicas.lifecycle.steps import disks
from replicas.lifecycle.steps.convergence import converged
from replicas.lifecycle.steps.wording import duration
from replicas.together import together

PROOFS = "proofs"
KERBEROS = {"kdc": "KDC", "kpasswd": "password service"}
# Errors of RFC 4120 (7.5.9).
ANSWERS = {
    "KRB-ERROR 6": "unknown client",
    "KRB-ERROR 25": "asks for pre-authentication",
    "KRB-ERROR 60": "refuses an empty request",
}
PREFIX = "replica-proof-"
BROKEN_SECONDS = 15.0
"""How long a supplier may say that it has given up: right after a change of an agreement it may not know better."""


class ProveService(Step):
    """A user made on the master logs in at the replica, writes travel both ways, and every other service answers.

    Fact `proofs`: what was proved, a sentence each. The user's name follows from the replica's, so that run and undo
    also remove one that an interrupted attempt left. Raises StepError, WrongPassword, DirectoryError.
    """

    key = "prove-service"
    title = "Proving that the replica serves"
    stage = "verify"
    undo_title = "Removing the user of the proof, if it is still there"

    def touches(self, job: Job) -> list[Touch]:
        return [Touch("user", f"{name(job)}, removed again", job.realm.name)]

    def undo_touches(self, job: Job) -> list[Touch]:
        return [Touch("user", entry_of(job), job.realm.name)]

    async def done(self, ctx: Context) -> bool:
        return bool(ctx.facts.get(PROOFS))

    async def run(self, ctx: Context) -> None:
        await disks.refuse(ctx)
        async with directory(ctx, "master") as master, directory(ctx, "replica") as replica:
            await master.delete(entry_of(ctx.job))
            try:
                found = await together(self._user(ctx, master, replica), services(ctx))
            finally:
                await master.delete(entry_of(ctx.job))
        proofs = [sentence for part in found for sentence in part]
        for sentence in proofs:
            ctx.log(sentence)
        await ctx.fact(PROOFS, list(proofs))

    async def undo_realm(self, ctx: Context) -> None:
        async with directory(ctx, "master") as master:
            left = await master.delete(entry_of(ctx.job))
        ctx.log(f"Removed {entry_of(ctx.job)}" if left else f"Not there: {entry_of(ctx.job)}")

    async def _user(self, ctx: Context, master: Directory, replica: Directory) -> list[str]:
        job, uid, dn, password = ctx.job, name(ctx.job), entry_of(ctx.job), secrets.token_urlsafe(18)
        ctx.mask(password)
        await self._make(ctx, master, dn, uid, password)
        there = await self._arrives(ctx, master, replica, dn, "krbPrincipalName", f"{uid}@{job.realm.name}")
        host = await ctx.host("replica")
        ticket = await kerberos.prove(host, uid, password, job.realm.name, (job.replica.address,))
        async with Directory.bind(
            job.replica.hostname, job.replica.address, job.realm.ca_certificate, dn, password, starttls=True
        ) as bound:
            await bound.get(dn, ["uid"])
        await replica.modify(dn, ("replace", "description", ["written on the replica"]))
        back = await self._arrives(ctx, replica, master, dn, "description", "written on the replica")
        return [
            f"A user made on {job.master.hostname} was on {job.replica.hostname} after {duration(there)}.",
            f"{ticket.principal} got a ticket for {ticket.service} from the KDC of {job.replica.hostname} alone.",
            f"The user bound to {job.replica.hostname} with StartTLS.",
            f"A write on {job.replica.hostname} was on {job.master.hostname} after {duration(back)}.",
        ]

    async def _make(self, ctx: Context, master: Directory, dn: str, uid: str, password: str) -> None:
        """In the directory and in the Kerberos database, on the master."""
        number = str(200_000 + secrets.randbelow(10_000))
        await master.add(
            dn,
            {
                "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount"],
                "uid": uid,
                "cn": "Replica Proof",
                "sn": "Proof",
                "uidNumber": number,
                "gidNumber": number,
                "homeDirectory": f"/home/{uid}",
                "userPassword": password,
            },
        )
        command = f'addprinc -x dn="{dn}" -pw "{password}" {uid}\n'
        await (await ctx.host("master")).run("kadmin.local", input=command)

    async def _arrives(
        self, ctx: Context, supplier: Directory, bound: Directory, dn: str, attribute: str, value: str
    ) -> float:
        """Return the seconds until the value is there. Raises StepError, and DirectoryError when it cannot come."""
        start = time.monotonic()

        async def attempt() -> float:
            entry = await bound.get(dn, [attribute])
            if entry is None or value not in entry.get(attribute, []):
                if time.monotonic() - start > BROKEN_SECONDS:
                    await self._require_agreement(ctx, supplier, bound)
                raise StepError(
                    f"A change did not reach {bound.hostname}.",
                    "Check the replication agreements with dsconf replication status.",
                )
            return time.monotonic() - start

        return await converged(ctx, attempt)

    async def _require_agreement(self, ctx: Context, supplier: Directory, consumer: Directory) -> None:
        """Raise DirectoryError when the supplier has given up on the consumer: then waiting does not help."""
        copy = await replication.read(supplier, ctx.job.realm.suffix)
        agreement = copy.agreements.get(consumer.hostname)
        if agreement is not None and agreement.status.kind == "broken":
            raise DirectoryError(
                f"Replication from {supplier.hostname} to {consumer.hostname} has stopped: {agreement.status.text}",
                "Retry: if the replica lost its data in a power cut, everything is sent to it again. Otherwise see the "
                f"errors log of the Directory Server on {supplier.hostname}.",
            )


def name(job: Job) -> str:
    """The user of the proof: one for each full name, as proofs of several replicas run at the same time."""
    return PREFIX + job.replica.hostname


def entry_of(job: Job) -> str:
    return f"uid={name(job)},cn=users,cn=accounts,{job.realm.suffix}"


async def services(ctx: Context) -> list[str]:
    """HTTPS, LDAPS and NTP of the replica, asked from the master. Raises StepError."""
    job = ctx.job
    wanted = (
        (443, "tcp", "https"),
        (636, "tcp", "ldaps"),
        (88, "udp", "kdc"),
        (464, "udp", "kpasswd"),
        (123, "udp", "ntp"),
    )
    payload = {
        "host": job.replica.hostname,
        "addresses": [job.replica.address],
        "realm": job.realm.name,
        "zone": job.realm.domain,
        "ca": job.realm.ca_certificate,
        "seconds": 3.0,
        "checks": [{"port": port, "protocol": protocol, "kind": kind} for port, protocol, kind in wanted],
    }
    answer = await (await ctx.host("master")).python("probe", payload)
    return [sentence(job, one) for one in answer["results"]]


def sentence(job: Job, one: dict[str, Any]) -> str:
    """Raises StepError."""
    host, kind = job.replica.hostname, one["kind"]
    where = f"{kind.upper()} on {host} ({one['port']}/{one['protocol']})"
    if not one["ok"]:
        raise StepError(
            f"{where} does not answer: {one['detail']}.",
            f"Look at the service that should answer there ({', '.join(Names(job).units)}).",
        )
    if kind == "ntp":
        return f"{where} answers; the clocks of the two hosts differ by {duration(abs(one['offset']))}."
    if kind in KERBEROS:
        return f"The {KERBEROS[kind]} of {host} answers over {one['protocol'].upper()} ({expected(one['detail'])})."
    return (
        f"{where} answers: {one['detail']}; its certificate was verified against the authority of {job.realm.name} "
        f"for the name {host}."
    )


def expected(detail: str) -> str:
    """What stands behind an error that is the right answer to a question without credentials."""
    return f"{ANSWERS[detail]}, as expected" if detail in ANSWERS else detail
