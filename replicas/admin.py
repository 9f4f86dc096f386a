"""Django's admin, for support staff: everything to see, nothing to change, because the services own every change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from replicas import models


class ReadOnly(admin.ModelAdmin[Any]):
    """See, and nothing else."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CredentialAdmin(ReadOnly):
    """Who set which password when; never the ciphertext."""

    exclude = ("ciphertext",)


for name in models.__all__:
    model = getattr(models, name)
    if name == "Credential":
        admin.site.register(model, CredentialAdmin)
    elif name != "CredentialName":
        admin.site.register(model, ReadOnly)
