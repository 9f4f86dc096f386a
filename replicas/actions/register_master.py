"""Register a master: look at its host key first, then connect, read what it is, and store its passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from replicas import audit, sshkey, validators
from replicas.actions import host_keys
from replicas.actions.authorities import same_authority
from replicas.actions.password_attempts import tried
from replicas.actions.prove_passwords import prove
from replicas.actions.set_credentials import set_credentials
from replicas.backends import registry
from replicas.choices import Comparison
from replicas.clients import ssh
from replicas.errors import Conflict, StepError
from replicas.lifecycle import voiding
from replicas.lifecycle.base import Capabilities
from replicas.lifecycle.job import Endpoint, Job, Options, RealmFacts
from replicas.models import Master, Realm
from replicas.permissions import Actor, require


@dataclass(frozen=True, slots=True)
class Registration:
    """What an administrator says about a master; the fingerprint is the one that was shown and compared.

    Without `store`, what is proved of the passwords is then forgotten: requests bring their own. A password that the
    kind of realm does not need is empty.
    """

    hostname: str
    ssh_address: str
    ssh_port: int
    ssh_user: str
    backend: str
    fingerprint: str
    directory_manager: str = field(repr=False)
    admin: str = field(repr=False)
    store: bool = True

    @property
    def passwords(self) -> dict[str, str]:
        return {"directory_manager": self.directory_manager, "admin": self.admin}


def inspect(actor: Actor, ssh_address: str, ssh_port: int) -> str:
    """The fingerprint that the host presents, to be compared. Raises NotAllowed, ValidationError, HostUnreachable."""
    require(actor, "register")
    check_target(ssh_address)
    return ssh.fingerprint(host_keys.fetch(ssh_address, ssh_port))


def register(actor: Actor, given: Registration) -> Master:
    """Connect with the compared key and store the realm and its master.

    Raises NotAllowed, ValidationError (an address or account that no host has; by name for a wrong second password),
    Conflict (another key, a master or realm that is known already), HostUnreachable, StepError (not a master of that
    kind), WrongPassword, TooManyAttempts, DirectoryError.
    """
    require(actor, "register")
    check_target(given.ssh_address, given.ssh_user)
    if Master.objects.filter(hostname=given.hostname).exists():
        raise Conflict(
            _("%(host)s is registered already.") % {"host": given.hostname}, _("Open it in the list of masters.")
        )
    key = host_keys.fetch(given.ssh_address, given.ssh_port)
    if ssh.fingerprint(key) != given.fingerprint:
        raise Conflict(
            _("%(host)s now presents the key %(new)s, not the one that you compared.")
            % {"host": given.hostname, "new": ssh.fingerprint(key)},
            _("Begin again, and compare the fingerprint on the host's own console."),
        )
    endpoint = Endpoint(given.hostname, given.ssh_address, key, given.ssh_port, given.ssh_user)
    first = registry.secrets(given.backend)[0]
    found = tried(actor, realm_of(given.hostname), first, lambda: asyncio.run(_look(endpoint, given)))
    with transaction.atomic():  # what cannot be stored is refused before another password is tried
        _store(actor, given, key, found, ())
        transaction.set_rollback(True)
    rest = {name: secret for name, secret in given.passwords.items() if name != first}
    facts = RealmFacts(found.realm, found.domain, found.suffix, given.backend, found.dns, found.ca_certificate)
    proof = prove(actor, Job("look", facts, endpoint, endpoint, Options()), rest)
    return _store(actor, given, key, found, {first, *proof.proved})


def realm_of(hostname: str) -> str:
    """Return the name of the realm that a host should be of: attempts are counted before the host tells it."""
    domain = hostname.partition(".")[2]
    known = Realm.objects.filter(domain=domain).values_list("name", flat=True).first()
    return known or domain.upper()


def check_target(address: str, user: str = "root") -> None:
    """Raises ValidationError, by field, for an address or an account that no host has."""
    errors = {}
    checks = (("ssh_address", validators.validate_ssh_address, address), ("ssh_user", validators.validate_login, user))
    for name, check, value in checks:
        try:
            check(value)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)


async def _look(endpoint: Endpoint, given: Registration) -> Capabilities:
    return await read(endpoint, given.backend, given.passwords)


async def read(endpoint: Endpoint, kind: str, passwords: Mapping[str, str]) -> Capabilities:
    """What the host says of itself, by a connection that trusts the endpoint's key only.

    Raises HostUnreachable, HostKeyChanged, StepError (not a master of that kind), WrongPassword, DirectoryError.
    """
    async with await ssh.connect(endpoint, sshkey.private_key_path()) as host:
        return await registry.get(kind).register(host, passwords)


@transaction.atomic
def _store(actor: Actor, given: Registration, key: str, found: Capabilities, proved: Collection[str]) -> Master:
    realm = _realm(given, found)
    named = found.dns and not realm.dns
    if named:  # its first name server came later
        realm.dns = True
        realm.save(update_fields=["dns"])
        voiding.void_outdated(realm)
    master = Master(
        realm=realm,
        hostname=given.hostname,
        ssh_address=given.ssh_address,
        ssh_port=given.ssh_port,
        ssh_user=given.ssh_user,
        host_key=host_keys.pin(actor, given.hostname, key, Comparison.CONFIRMED),
        ca=found.ca,
        versions=dict(found.versions),
        offers=dict(found.offers),
        registered_by=actor.name,
    )
    _save(master, given)
    audit.record(
        actor,
        "master:register",
        master,
        after={"realm": realm.name, "address": master.ssh_address, "fingerprint": given.fingerprint, "ca": found.ca}
        | ({"dns": True} if named else {}),
    )
    if given.store:
        set_credentials(actor, realm, given.passwords, proved)
    return master


def _realm(given: Registration, found: Capabilities) -> Realm:
    """The realm that the master says it belongs to, stored when it is the first one of it."""
    realm = Realm.objects.filter(name=found.realm).first()
    if realm is None:
        realm = Realm(
            name=found.realm,
            domain=found.domain,
            suffix=found.suffix,
            backend=given.backend,
            dns=found.dns,
            ca_certificate=found.ca_certificate,
        )
        _save(realm, given)
    elif not same_authority(realm.ca_certificate, found.ca_certificate):
        raise Conflict(
            _("%(host)s belongs to a realm %(realm)s with another authority than the one that is registered.")
            % {"host": given.hostname, "realm": found.realm},
            _("Two realms of one name cannot be told apart; check the address of the host."),
        )
    elif realm.backend != given.backend:
        raise Conflict(
            _("The realm %(realm)s is registered as another kind: %(kind)s.")
            % {"realm": realm.name, "kind": realm.backend},
            _("Choose that kind for this master too."),
        )
    return realm


def _save(row: Realm | Master, given: Registration) -> None:
    require_sound(row, given.hostname)
    try:
        row.save()
    except IntegrityError as error:
        raise Conflict(
            _("Somebody else has just registered %(row)s.") % {"row": row}, _("Look at the list of masters.")
        ) from error


def require_sound(row: Realm | Master, hostname: str, but: Collection[str] = ()) -> None:
    """What a host says of itself is checked like what a person types: names become paths on other hosts.

    `but` are fields that were stored before. Raises StepError.
    """
    try:
        row.full_clean(exclude=but)
    except ValidationError as error:
        raise StepError(
            _("%(host)s says of itself what cannot be: %(why)s") % {"host": hostname, "why": " ".join(error.messages)},
            _("Check on the host that it is a master of its realm."),
        ) from error
