"""Django's admin: users and their roles to change; of everything else all to see, because services own its changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import BinaryField, JSONField, ManyToManyField, Model, QuerySet, URLField
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from replicas import audit, models, permissions
from replicas.audit.people import facts
from replicas.choices import Role
from replicas.models.credentials import Sealed

NAMED_BY: dict[type[Model], tuple[str, ...]] = {
    models.Approval: ("plan__replica",),
    models.ApprovalPolicy: ("realm",),
    models.Bypass: ("run__plan__replica",),
    models.Credential: ("realm",),
    models.EmailChoice: ("user",),
    models.LogChunk: ("run__plan__replica",),
    models.Notice: ("plan__replica",),
    models.Plan: ("replica",),
    models.PlanCredential: ("plan__replica",),
    models.RealmLook: ("realm",),
    models.Run: ("plan__replica",),
}
"""The other rows that a row's name is made of: a list asks for all of them at once."""
NAMED_IN_JSON: dict[type[Model], str] = {models.Draft: "job"}
"""The column of that kind that a row's name is taken from."""
MOST_ROWS = 10_000


class Newest(Paginator[Any]):
    """The pages of so many rows at most: a table of a million is counted at each look otherwise."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # Django's admin gives nothing else
        return rows[:MOST_ROWS].count()


class Names(ChangeList):
    """Rows of which only the name is shown: plans, looks and parts of logs are large, and stay where they are."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        named = super().apply_select_related(qs)
        return named.defer(*large(self.model, *NAMED_BY.get(self.model, ())))


def large(model: type[Model], *relations: str) -> Iterator[str]:
    """The columns of JSON and of bytes, also of what these relations lead to."""
    for field in model._meta.concrete_fields:
        if isinstance(field, (JSONField, BinaryField)) and NAMED_IN_JSON.get(model) != field.name:
            yield field.name
    for relation in relations:
        first, _, rest = relation.partition("__")
        there = model._meta.get_field(first).related_model
        if isinstance(there, type):
            yield from (f"{first}__{name}" for name in large(there, *filter(None, (rest,))))


class ReadOnly(admin.ModelAdmin[Any]):
    """See, and nothing else: for whoever may sign in here at all. The newest rows first, by the key that they have."""

    ordering = ("-pk",)
    paginator = Newest
    show_full_result_count = False
    formfield_overrides = {URLField: {"assume_scheme": "https"}}  # noqa: RUF012 - as Django has it

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Names

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and bool(getattr(request.user, "is_staff", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CredentialAdmin(ReadOnly):
    """Who set which password when; never the ciphertext."""

    exclude = ("data_key", "ciphertext")


class WebhookAdmin(ReadOnly):
    """Neither the ciphertext nor the address, with which anyone could write to a chat."""

    exclude = ("data_key", "ciphertext", "url")


class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # django-stubs makes it generic, Django does not
    """People and their roles, for administrators. Nobody is deleted: the history's names must stay unambiguous."""

    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Roles"), {"fields": ("is_active", "groups", "is_superuser")}),
    )
    list_display = ("username", "first_name", "last_name", "is_active", "is_superuser")
    list_filter = ("groups", "is_active")
    filter_horizontal = ()
    formfield_overrides = {ManyToManyField: {"widget": CheckboxSelectMultiple}}  # noqa: RUF012 - as Django has it

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


class GroupsAdmin(GroupAdmin):
    """The roles, which stay as they are, and groups that policies name. A name is for ever: policies hold it."""

    fields = ("name", "members")
    readonly_fields = ("members",)
    list_display = ("name", "members")
    actions = None  # each one is removed by itself, and asked about

    @admin.display(description=_("people"))
    def members(self, group: Group) -> str:
        return ", ".join(membership(group)) or "-"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("user_set")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return permissions.may(request.user, "manage_users")

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return self.has_module_permission(request) and obj is not None and not needed(obj)

    def log_addition(self, request: HttpRequest, obj: Group, message: Any) -> Any:
        audit.record(actor(request), "group:add", obj)
        return super().log_addition(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        audit.record(actor(request), "group:remove", obj, before={"people": membership(obj)})
        super().delete_model(request, obj)


def membership(group: Group) -> list[str]:
    return sorted(user.get_username() for user in group.user_set.all())


def needed(group: Group) -> bool:
    """A role, or one that a policy asks for: without it nobody could approve there any more."""
    asked = (set(names) for names in models.ApprovalPolicy.objects.values_list("groups", flat=True))
    return group.name in Role.values or any(group.name in names for names in asked)


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.register(Group, GroupsAdmin)
admin.site.register(User, PeopleAdmin)
for name in models.__all__:
    model = getattr(models, name)
    if name not in ("CredentialName", "KeytabName", "UploadName"):
        kind = CredentialAdmin if issubclass(model, Sealed) else ReadOnly
        kind = WebhookAdmin if model is models.Webhook else kind
        admin.site.register(model, kind, list_select_related=NAMED_BY.get(model, ()))
