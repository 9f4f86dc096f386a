"""Correct where a registered master is, and read anew what it is and offers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from replicas import audit
from replicas.actions.authorities import same_authority, same_certificates
from replicas.actions.claim import claim
from replicas.actions.password_attempts import tried
from replicas.actions.register_master import check_target, read, require_sound
from replicas.backends import registry
from replicas.errors import Conflict, WrongPassword
from replicas.lifecycle import credentials, order, voiding, wrong_passwords
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import Endpoint
from replicas.models import Master, Realm
from replicas.models.credentials import CredentialName
from replicas.permissions import Actor, require

PLACE = ("ssh_address", "ssh_port", "ssh_user")
READ = ("ca", "versions", "offers")
OF_REALM = ("dns", "ca_certificate")


@dataclass(frozen=True, slots=True)
class Change:
    """Where the master is now, and why that is said; a password that is empty is taken from the store."""

    ssh_address: str
    ssh_port: int
    ssh_user: str
    reason: str
    directory_manager: str = field(default="", repr=False)
    admin: str = field(default="", repr=False)


class Changed(NamedTuple):
    """The names of what is another value now, and how many plans became void by it."""

    names: tuple[str, ...]
    voided: int


def change(actor: Actor, master: Master, given: Change) -> Changed:
    """Connect there with the pinned key, read everything again as the registration does, and store it.

    With the place that is stored already, it is only read anew. Plans that would be other ones now become void.
    Raises NotAllowed, ValidationError (no reason, or an address or account that no host has), Conflict (no password is
    stored or given; a server of another realm; somebody else was faster), HostKeyChanged, HostUnreachable, StepError
    (not a master of that kind, another host name), WrongPassword, TooManyAttempts, DirectoryError, FreeIpaError.
    """
    require(actor, "register")
    if not given.reason.strip():
        raise ValidationError({"reason": _("Say why: later readers want to know.")})
    check_target(given.ssh_address, given.ssh_user)
    name, passwords = proved(master.realm), _passwords(actor, master.realm, given)
    endpoint = Endpoint(master.hostname, given.ssh_address, master.host_key.key, given.ssh_port, given.ssh_user)

    def reading() -> Capabilities:
        found = asyncio.run(read(endpoint, master.realm.backend, passwords))
        _require_of(master.realm, master, given, found)  # what another realm accepts proves nothing
        return found

    typed = bool(getattr(given, name))
    found = tried(actor, master.realm.name, name, reading) if typed else _with_stored(master.realm, name, reading)
    return _store(actor, master, given, found)


def proved(realm: Realm) -> CredentialName:
    """The password that the registration proves."""
    return CredentialName(registry.secrets(realm.backend)[0])


def _passwords(actor: Actor, realm: Realm, given: Change) -> dict[str, str]:
    """What was given for this once, or else the stored one."""
    name = proved(realm)
    if password := str(getattr(given, name)):
        return {name: password}
    found = credentials.for_reading(actor, realm, name)
    if name not in found:
        raise Conflict(
            _("«%(password)s» of %(realm)s is not stored.") % {"password": name.label, "realm": realm},
            _("Enter it here: it is proved and forgotten."),
        )
    return found


def _with_stored(realm: Realm, name: CredentialName, reading: Callable[[], Capabilities]) -> Capabilities:
    """Read with the stored password, which is not tried without end when it is wrong. Raises PortalError."""
    if error := wrong_passwords.refusals(realm.name, (name,)).get(name):
        raise error
    try:
        return reading()
    except WrongPassword:
        wrong_passwords.count(realm.name, (name,))
        raise


@transaction.atomic
def _store(actor: Actor, master: Master, given: Change, found: Capabilities) -> Changed:
    realm = Realm.objects.select_for_update(no_key=True).get(pk=master.realm_id)
    # Before the runs: a worker that takes one locks its realm or its master first.
    Master.objects.select_for_update(no_key=True).get(pk=master.pk)
    order.hold_realms([realm])
    _require_of(realm, master, given, found)
    place = {name: getattr(master, name) for name in PLACE}
    before = place | {name: getattr(master, name) for name in READ} | {name: getattr(realm, name) for name in OF_REALM}
    after = {name: getattr(given, name) for name in PLACE} | {name: _plain(getattr(found, name)) for name in READ}
    # Another master may be the one with DNS: that this one has none says nothing of the realm.
    after["dns"] = found.dns or (realm.dns and realm.masters.exclude(pk=master.pk).exists())
    after["ca_certificate"] = found.ca_certificate
    if same_certificates(before["ca_certificate"], found.ca_certificate):
        after["ca_certificate"] = before["ca_certificate"]
    names = tuple(name for name in after if after[name] != before[name])
    _save(realm, master, place, {name: after[name] for name in names})
    old, new = ({name: values[name] for name in (*PLACE, *names)} for values in (before, after))
    audit.record(actor, "master:change", master, before=old, after=new, reason=given.reason)
    return Changed(names, voiding.void_outdated(realm))


def _save(realm: Realm, master: Master, place: dict[str, Any], changes: dict[str, Any]) -> None:
    """Like what a person types, what a host says is checked before it is stored."""
    of_realm = {name: value for name, value in changes.items() if name in OF_REALM}
    of_master = {name: value for name, value in changes.items() if name not in OF_REALM}
    now = Master.objects.select_related("realm", "host_key").get(pk=master.pk)
    for row, values in ((realm, of_realm), (now, of_master)):
        for name, value in values.items():
            setattr(row, name, value)
        require_sound(row, master.hostname, {field.name for field in row._meta.fields} - values.keys())
    realm.save(update_fields=list(of_realm))
    # With nothing to change it is written all the same: whoever moved it meanwhile was faster.
    claim(master, place, **{**place, **of_master})


def _require_of(realm: Realm, master: Master, given: Change, found: Capabilities) -> None:
    """Raises Conflict for a server of another realm than the master's."""
    told = {"address": given.ssh_address, "found": found.realm, "realm": realm, "host": master.hostname}
    if found.realm != realm.name:
        raise Conflict(
            _("The server at %(address)s belongs to the realm %(found)s, and %(host)s to %(realm)s.") % told,
            _("Check the address. A server of another realm is registered as a master of its own."),
        )
    if not same_authority(realm.ca_certificate, found.ca_certificate):
        raise Conflict(
            _("%(host)s belongs to a realm %(realm)s with another authority than the one that is registered.") % told,
            _("Two realms of one name cannot be told apart; check the address of the host."),
        )


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
