"""What a person was told, newest first."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from replicas import permissions
from replicas.choices import EmailWish
from replicas.forms.notices import EmailForm
from replicas.models import EmailChoice, Notice
from replicas.views.access import SignedInRequest, linked_from_another_site, posted, require

A_PAGE = 25


@require_safe
def notices(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    mine = Notice.objects.filter(recipient=request.user).select_related("plan__replica", "run")
    chosen = EmailChoice.objects.filter(user=request.user).values("wish", "language").first()
    context = {
        "page": Paginator(mine, A_PAGE).get_page(request.GET.get("page")),
        "email_form": EmailForm(
            initial=dict(chosen) if chosen else {"wish": EmailWish.ALL, "language": get_language()}
        ),
        "may_manage": permissions.may(request.user, "manage_webhooks"),
    }
    return render(request, "notices/list.html", context)


@require_safe
def notice(request: SignedInRequest, pk: int) -> HttpResponse:
    """Redirect to where the notice leads. That marks it as read, unless a link of another site led here."""
    require(request, "view")
    found = get_object_or_404(Notice, pk=pk, recipient=request.user)
    if not linked_from_another_site(request):
        Notice.objects.filter(pk=pk, read_at=None).update(read_at=timezone.now())
    return redirect("run", found.run_id) if found.run_id else redirect("plan", found.plan_id)


@posted("notices")
def notices_read(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    Notice.objects.filter(recipient=request.user, read_at=None).update(read_at=timezone.now())
    return redirect("notices")


@posted("notices")
def notices_email(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    form = EmailForm(request.POST)
    if form.is_valid():
        EmailChoice.objects.update_or_create(user=request.user, defaults=form.cleaned_data)
        messages.success(request, _("Your choice is stored."))
    return redirect("notices")
