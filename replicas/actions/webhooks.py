"""Add, change and remove webhooks; a new secret is told once."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas import audit
from replicas.choices import WebhookFormat
from replicas.clients.webhook import new_secret
from replicas.errors import Conflict
from replicas.models import Delivery, Webhook
from replicas.permissions import Actor, require


@transaction.atomic
def add(actor: Actor, name: str, url: str, kinds: list[str], format: str = WebhookFormat.SIGNED) -> tuple[Webhook, str]:
    """The stored webhook and its secret. Raises NotAllowed, Conflict (the name is taken)."""
    require(actor, "manage_webhooks")
    hook, secret = Webhook(name=name, url=url, kinds=kinds, format=format, set_by=actor.name), new_secret()
    try:
        with transaction.atomic():
            hook.enclose(secret).save()
    except IntegrityError as error:
        raise Conflict(
            _("There is a webhook «%(name)s» already.") % {"name": name}, _("Choose another name.")
        ) from error
    audit.record(actor, "webhook:add", hook, after=_facts(hook))
    return hook, secret


@transaction.atomic
def change(actor: Actor, hook: Webhook, url: str, kinds: list[str], active: bool, format: str = "") -> None:
    """Change a webhook, but not its name, to which the secret is bound. An empty format keeps the stored one.

    Raises NotAllowed.
    """
    require(actor, "manage_webhooks")
    before, moved = _facts(hook), hook.url != url
    hook.url, hook.kinds, hook.active, hook.format = url, kinds, active, format or hook.format
    if moved or _facts(hook) != before:
        hook.save(update_fields=["url", "kinds", "active", "format"])
        audit.record(actor, "webhook:change", hook, before=before, after=_facts(hook) | {"address_changed": moved})


@transaction.atomic
def renew(actor: Actor, hook: Webhook) -> str:
    """Another secret in the place of the old one, which signs nothing any more. Raises NotAllowed."""
    require(actor, "manage_webhooks")
    secret, hook.set_by = new_secret(), actor.name
    hook.enclose(secret).save()
    audit.record(actor, "webhook:change", hook, after={"key_id": hook.key_id}, reason="It got a new secret.")
    return secret


@transaction.atomic
def remove(actor: Actor, hook: Webhook) -> None:
    """With everything that was on its way to it. Raises NotAllowed."""
    require(actor, "manage_webhooks")
    audit.record(actor, "webhook:remove", hook, before=_facts(hook))
    hook.delete()


@transaction.atomic
def try_out(actor: Actor, hook: Webhook) -> Delivery:
    """Send it a message that says nothing, to see it arrive. Raises NotAllowed."""
    require(actor, "manage_webhooks")
    body = {"type": "portal.test", "timestamp": timezone.now().isoformat(), "data": {"by": actor.name}}
    audit.record(actor, "webhook:test", hook)
    return Delivery.objects.create(webhook=hook, body=body)


def _facts(hook: Webhook) -> dict[str, object]:
    """What the history keeps; the path of an address is often as good as a password, and stays out."""
    parts = urlsplit(hook.url)
    return {
        "host": f"{parts.scheme}://{parts.netloc}",
        "kinds": list(hook.kinds),
        "active": hook.active,
        "format": hook.format,
    }
