"""What a person wants by e-mail, and webhooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.choices import EmailWish, NoticeKind


def own_names() -> list[tuple[str, str]]:
    """The portal's languages, each by its own name."""
    return [(code, str(get_language_info(code)["name_local"]).capitalize()) for code, _ in settings.LANGUAGES]


class EmailForm(forms.Form):
    """Which notices come by e-mail, too, and in which language."""

    wish = forms.ChoiceField(label=_("By e-mail"), choices=EmailWish)
    language = forms.ChoiceField(label=_("Language of e-mails"), choices=own_names)


class WebhookForm(forms.Form):
    """Where it is, and what it is told."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        validators=[validators.validate_webhook],
        widget=forms.URLInput(attrs={"placeholder": "https://chat.example.com/hooks/replicas", "data-secret": ""}),
        help_text=_("Every notice is sent there as JSON, by POST and over HTTPS."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it is told"),
        choices=NoticeKind,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: everything."),
    )


class NewWebhookForm(WebhookForm):
    """The same, with the name under which it stays known."""

    name = forms.SlugField(label=_("Name"), max_length=60, help_text=_("Letters, digits, hyphens and underscores."))
    field_order = ("name", "url", "kinds")


class ChangeWebhookForm(WebhookForm):
    """The same, and whether it is in use."""

    active = forms.BooleanField(label=_("In use"), required=False)


class RemoveWebhookForm(forms.Form):
    """To be removed, it is named."""

    name = forms.CharField(label=_("Its name"), help_text=_("Enter it, to be sure that it is this one."))

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.expected:
            raise ValidationError(_("This is not its name."))
        return name
