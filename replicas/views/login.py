"""Signing in, which is slowed down for whoever guesses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from replicas.models import AuditEvent

MOST_FAILURES = 20
WITHIN = timedelta(minutes=10)


class Login(LoginView):
    """Refuses an address after MOST_FAILURES failed attempts, until the oldest of them is WITHIN ago."""

    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        address = request.META.get("REMOTE_ADDR", "")
        recent = AuditEvent.objects.filter(verb="session:fail", at__gt=timezone.now() - WITHIN)
        # The newest by their index, not all that this address ever did.
        if list(recent.values_list("address", flat=True)[: 50 * MOST_FAILURES]).count(address) < MOST_FAILURES:
            return super().post(request, *args, **kwargs)
        context = self.get_context_data(form=self.get_form_class()(request), throttled=True)
        return self.render_to_response(context, status=429)
