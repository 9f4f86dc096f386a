"""Signing in, which is slowed down for whoever guesses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from replicas import sessions
from replicas.models import AuditEvent

MOST_FAILURES = 20
WITHIN = timedelta(minutes=10)
REFUSED = "Too many attempts from this address failed."


class Login(LoginView):
    """Refuses an address after MOST_FAILURES failed attempts, until the oldest of them is WITHIN ago.

    The history gets one event of that in each WITHIN, not one a try.
    """

    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        address = request.META.get("REMOTE_ADDR", "")
        since = timezone.now() - WITHIN
        recent = AuditEvent.objects.filter(verb="session:fail", at__gt=since)
        # The newest by their index, not all that this address ever did.
        if list(recent.values_list("address", flat=True)[: 50 * MOST_FAILURES]).count(address) < MOST_FAILURES:
            return super().post(request, *args, **kwargs)
        name = request.POST.get("username", "").replace("\0", "")  # no form has looked at it
        sessions.slowed_down(request, name, since, REFUSED)
        context = self.get_context_data(form=self.get_form_class()(request), throttled=True)
        return self.render_to_response(context, status=429)


@require_http_methods(["GET", "HEAD", "POST"])
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin's own page for signing in would know nothing of who guesses: everybody signs in at one place.

    Raises PermissionDenied for who is signed in already, and is sent here because the admin is not for them.
    """
    if request.user.is_authenticated:
        raise PermissionDenied
    wanted = f"?{request.GET.urlencode()}" if request.GET else ""
    return redirect(f"{reverse('login')}{wanted}")
