"""Prove passwords and keytabs that people type with the realm itself, before anything depends on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from replicas.actions.password_attempts import LABELS, TooManyAttempts, tried
from replicas.backends import registry
from replicas.errors import PortalError, WrongPassword
from replicas.lifecycle.base import SecretName
from replicas.lifecycle.connect import connect
from replicas.lifecycle.job import Job, Options
from replicas.lifecycle.reading import ReadingContext
from replicas.models import CredentialName, KeytabName, Master
from replicas.permissions import Actor

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Proof:
    """The names (CredentialName, KeytabName) of what the realm accepted, and why the others could not be proved."""

    proved: tuple[str, ...] = ()
    unproved: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return what is not proved, in words for the person who typed it; an empty text when everything is."""
        return " ".join(
            _("%(name)s: could not be proved. %(why)s") % {"name": LABELS.get(name, name), "why": why}
            for name, why in self.unproved.items()
        )


def prove(actor: Actor, job: Job, secrets: Mapping[str, str]) -> Proof:
    """Try each password of `secrets` that is not empty with the servers of the job.

    Raises ValidationError by name for those that are wrong, and for those that are not tried after too many wrong ones.
    """
    proved, unproved, wrong = list[str](), dict[str, str](), dict[str, str]()
    for name in (*CredentialName.values, *KeytabName.values):
        if not (secret := secrets.get(name, "")):
            continue
        try:
            tried(actor, job.realm.name, name, lambda name=name, secret=secret: _ask(job, name, secret))  # type: ignore[misc]
            proved.append(name)
        except (WrongPassword, TooManyAttempts) as error:
            wrong[name] = str(error)
        except PortalError as error:
            unproved[name] = str(error)
    if wrong:
        raise ValidationError(wrong)
    return Proof(tuple(proved), unproved)


def job_at(master: Master) -> Job:
    """Return a job that only looks, at a registered master."""
    return Job("look", master.realm.facts(), master.endpoint(), master.endpoint(), Options())


def _ask(job: Job, name: str, secret: str) -> None:
    asyncio.run(_prove(job, cast(SecretName, name), secret))


async def _prove(job: Job, name: SecretName, secret: str) -> None:
    ctx = ReadingContext(job, {name: secret}, connect)
    try:
        async with asyncio.timeout(SECONDS):
            await registry.get(job.realm.backend).prove(ctx, name)
    except TimeoutError:
        raise PortalError(_("%(host)s did not answer in time.") % {"host": job.master.hostname}) from None
    finally:
        await ctx.close()
