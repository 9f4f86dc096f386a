"""Django's admin: users and their roles to change; of everything else all to see, because services own its changes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from replicas import audit, models, permissions
from replicas.choices import Role
from replicas.models.credentials import Sealed


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

    exclude = ("data_key", "ciphertext")


class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # django-stubs makes it generic, Django does not
    """People and their roles, for administrators. Nobody is deleted: the history's names must stay unambiguous."""

    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Roles"), {"fields": ("is_active", "groups", "is_superuser")}),
    )
    list_display = ("username", "first_name", "last_name", "is_active", "is_superuser")
    list_filter = ("groups", "is_active")

    def _may(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Administrators; only a superuser touches a superuser."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and permissions.may(request.user, "manage_users")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._may(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else ("is_superuser",)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        found: User | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found._before = facts(found)  # type: ignore[attr-defined]
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user: User = form.instance
        user.is_staff = user.is_superuser or user.groups.filter(name=Role.ADMINISTRATOR).exists()
        user.save(update_fields=["is_staff"])

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        audit.record(actor(request), "user:add", obj, after=facts(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        before = getattr(obj, "_before", None)
        audit.record(actor(request), "user:change", obj, before=before, after=facts(obj) | {"changed": message})
        return super().log_change(request, obj, message)


def actor(request: HttpRequest) -> permissions.Actor:
    user = request.user if isinstance(request.user, User) else None
    return permissions.Actor(user, request.META.get("REMOTE_ADDR", ""))


def facts(user: User) -> dict[str, Any]:
    """What the history keeps of a person."""
    return {
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "active": user.is_active,
        "superuser": user.is_superuser,
        "email": user.email,
    }


admin.site.unregister(User)
admin.site.unregister(Group)  # the roles are made by a migration
admin.site.register(User, PeopleAdmin)
for name in models.__all__:
    model = getattr(models, name)
    if name != "CredentialName":
        admin.site.register(model, CredentialAdmin if issubclass(model, Sealed) else ReadOnly)
