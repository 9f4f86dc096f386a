"""The language that a person reads the portal in, and then also its e-mails."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views import i18n

from replicas.models import EmailChoice


def set_language(request: HttpRequest) -> HttpResponseBase:
    """As Django's, which keeps it in a cookie; whoever is signed in gets e-mails in that language too."""
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        EmailChoice.objects.update_or_create(user=request.user, defaults={"language": language})
    return i18n.set_language(request)
