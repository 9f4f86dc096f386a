"""Webhooks: the list, and one of them with what was sent to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.forms import BaseForm, Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from replicas.actions import webhooks as actions
from replicas.choices import DeliveryState
from replicas.errors import PortalError
from replicas.forms.notices import ChangeWebhookForm, NewWebhookForm, RemoveWebhookForm
from replicas.models import Webhook
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import Act, Outcome, actor, attempt

SHOWN = 50
"""Deliveries of a webhook that its page lists."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: SignedInRequest) -> HttpResponse:
    """The list; a POST adds one, and its answer is the only page that ever shows the secret."""
    require(request, "manage_webhooks")
    form = NewWebhookForm(request.POST or None)
    outcome = Outcome(False)
    if request.method == "POST":
        outcome = attempt(request, form, lambda data: actions.add(actor(request), **data))
        if outcome.done:
            hook, secret = outcome.value
            if hook.signed:
                return _page(request, hook, secret=secret)
            messages.success(request, gettext("The webhook is added. Send a test message to see whether it arrives."))
            return redirect("webhook", hook.pk)
    waiting = Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING))
    given_up = Count("deliveries", filter=Q(deliveries__state=DeliveryState.GIVEN_UP))
    context = {
        "webhooks": Webhook.objects.annotate(waiting=waiting, given_up=given_up),
        "acts": [
            Act(
                url=reverse("webhooks"),
                form=form,
                label=gettext_lazy("Add a webhook"),
                help=gettext_lazy(
                    "A chat gets messages in its own format. Other receivers get JSON, signed with a secret of theirs."
                ),
                symbol="plus",
            )
        ],
        "failure": outcome.failure,
    }
    return render(request, "notices/webhooks.html", context)


@require_safe
def webhook(request: SignedInRequest, pk: int) -> HttpResponse:
    return _page(request, _fetch(request, pk))


@never_cache
@posted("webhook")
def webhook_act(request: SignedInRequest, pk: int, name: str) -> HttpResponse:
    """One of the buttons: `change`, `renew`, `test` or `remove`."""
    hook = _fetch(request, pk)
    if name not in ACTS:
        return redirect("webhook", pk)
    form = _forms(hook, request.POST, name)[name]
    outcome = attempt(request, form, lambda data: ACTS[name](actor(request), hook, **data))
    if not outcome.done:
        return _page(request, hook, forms=_forms(hook) | {name: form}, failure=outcome.failure)
    if name == "renew":
        return _page(request, hook, secret=outcome.value)
    messages.success(request, DONE[name])
    return redirect("webhooks") if name == "remove" else redirect("webhook", pk)


def _remove(actor: Any, hook: Webhook, name: str) -> None:
    actions.remove(actor, hook)


ACTS: dict[str, Callable[..., object]] = {
    "change": actions.change,
    "renew": actions.renew,
    "test": actions.try_out,
    "remove": _remove,
}
DONE = {
    "change": gettext_lazy("The webhook is changed."),
    "test": gettext_lazy("A test message is on its way; the list below shows what became of it."),
    "remove": gettext_lazy("The webhook is removed."),
}
LOOKS = {
    "change": (
        gettext_lazy("Change"),
        gettext_lazy("Its name stays, because its secret is bound to it."),
        "settings",
        "btn-quiet",
    ),
    "test": (
        gettext_lazy("Send a test message"),
        gettext_lazy("It says only that it is a test."),
        "play",
        "btn-quiet",
    ),
    "renew": (
        gettext_lazy("New secret"),
        gettext_lazy("The old one signs nothing any more from now on: change it at the receiver as well."),
        "key",
        "btn-quiet",
    ),
    "remove": (
        gettext_lazy("Remove"),
        gettext_lazy("What is on its way to it is not sent any more."),
        "cross",
        "btn-outline-danger",
    ),
}


def _forms(hook: Webhook, data: Any = None, name: str = "") -> dict[str, BaseForm]:
    """A form for each button; the one with that name holds the data."""

    def given(which: str) -> Any:
        return data if which == name else None

    now = {"format": hook.format, "kinds": hook.kinds, "active": hook.active}
    renewal: dict[str, BaseForm] = {"renew": Form(given("renew"))} if hook.signed or name == "renew" else {}
    return {
        "change": ChangeWebhookForm(given("change"), initial=now, stored=hook.url),
        "test": Form(given("test")),
        **renewal,
        "remove": RemoveWebhookForm(given("remove"), expected=hook.name, auto_id="id_remove_%s"),
    }


def _fetch(request: SignedInRequest, pk: int) -> Webhook:
    require(request, "manage_webhooks")
    return get_object_or_404(Webhook, pk=pk)


def _page(
    request: SignedInRequest,
    hook: Webhook,
    secret: str = "",
    forms: dict[str, BaseForm] | None = None,
    failure: PortalError | None = None,
) -> HttpResponse:
    context = {
        "webhook": hook,
        "secret": secret,
        "deliveries": hook.deliveries.all()[:SHOWN],
        "acts": [
            Act(reverse("webhook_act", args=[hook.pk, name]), form, *LOOKS[name])
            for name, form in (forms or _forms(hook)).items()
        ],
        "failure": failure,
    }
    return render(request, "notices/webhook.html", context)
