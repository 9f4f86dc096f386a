"""Sends what waits in the outbox, each at least once: tried again, ever later, until it is given up."""

from __future__ import annotations

import smtplib
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone, translation

from replicas import audit, chat_messages, keyring, notices, visible
from replicas.choices import DeliveryState
from replicas.clients import webhook as client
from replicas.clients.webhook import WebhookError
from replicas.errors import PortalError
from replicas.models import Delivery, EmailChoice, Notice, Webhook
from replicas.permissions import Actor

PAUSES = [timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)]
"""After each attempt that failed, as Standard Webhooks has it; after the last one it is given up."""
CLAIM = timedelta(minutes=2)
"""For so long nobody else sends what one worker sends; longer than an attempt takes."""
KEPT = timedelta(days=30)
BATCH = 100
NEEDED = ("webhook", "notice__recipient", "notice__plan__replica", "notice__run")


def due() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=Now()).order_by("due_at")


def deliver() -> int:
    """Send what is due, and forget what was done long ago. Gives how many attempts were made."""
    made = 0
    for key in list(due().values_list("pk", flat=True)[:BATCH]):
        if due().filter(pk=key).update(due_at=Now() + CLAIM, attempts=F("attempts") + 1):
            _attempt(Delivery.objects.select_related(*NEEDED).get(pk=key))
            made += 1
    Delivery.objects.exclude(state=DeliveryState.WAITING).filter(created_at__lt=timezone.now() - KEPT).delete()
    return made


def _attempt(delivery: Delivery) -> None:
    row = Delivery.objects.filter(pk=delivery.pk)
    try:
        if delivery.webhook:
            _call(delivery.webhook, delivery)
        elif delivery.notice:
            _mail(delivery.notice)
    except WebhookError as error:
        if error.gone and delivery.webhook:
            _turn_off(delivery.webhook)
        _failed(delivery, error.message, final=error.gone)
    except PortalError as error:
        _failed(delivery, str(error))
    except (smtplib.SMTPException, OSError) as error:
        _failed(delivery, f"The mail server did not take it: {error}")
    except ValueError as error:  # an address, such as a user's, that cannot be written into a message
        _failed(delivery, f"The e-mail cannot be sent: {error}", final=True)
    else:
        row.update(state=DeliveryState.SENT, error="", done_at=Now())


def _failed(delivery: Delivery, error: str, final: bool = False) -> None:
    row = Delivery.objects.filter(pk=delivery.pk)
    if final or delivery.attempts > len(PAUSES):
        row.update(state=DeliveryState.GIVEN_UP, error=error, done_at=Now())
    else:
        row.update(error=error, due_at=Now() + PAUSES[delivery.attempts - 1])


def _call(hook: Webhook, delivery: Delivery) -> None:
    if not hook.active:
        raise WebhookError("The webhook is not in use.", gone=True)
    if not hook.signed:
        client.post_to_chat(hook.url, chat_messages.render(hook.format, delivery.body))
        return
    with transaction.atomic():
        audit.record(Actor.system(), "credential:use", hook, reason=f"Signs delivery {delivery.pk}")
    client.post(hook.url, keyring.unseal(hook), str(delivery.pk), delivery.body)


@transaction.atomic
def _turn_off(hook: Webhook) -> None:
    """Nobody is called again who said that it is in vain."""
    if Webhook.objects.filter(pk=hook.pk, active=True).update(active=False):
        audit.record(
            Actor.system(),
            "webhook:change",
            hook,
            before={"active": True},
            after={"active": False},
            reason="It answered with status 410, which asks for no more calls.",
        )


def _language(person: User) -> str:
    chosen = EmailChoice.objects.filter(user=person).values_list("language", flat=True)
    return chosen.first() or settings.LANGUAGE_CODE


def _mail(notice: Notice) -> None:
    context = {"notice": notice, "url": notices.address(notice.plan, notice.run)}
    with translation.override(_language(notice.recipient)):
        subject = visible.mark(render_to_string("notices/subject.txt", context).strip())
        text = visible.mark(render_to_string("notices/email.txt", context))
    EmailMessage(" ".join(subject.split()), text, to=[notice.recipient.email]).send()
