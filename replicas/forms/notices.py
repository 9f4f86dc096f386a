"""What a person wants by e-mail, and webhooks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.chat_messages import detect, only_format
from replicas.choices import EmailWish, NoticeKind, WebhookFormat


def own_names() -> list[tuple[str, str]]:
    """The portal's languages, each by its own name."""
    return [(code, str(get_language_info(code)["name_local"]).capitalize()) for code, _ in settings.LANGUAGES]


class EmailForm(forms.Form):
    """Which notices come by e-mail, too, and in which language."""

    wish = forms.ChoiceField(label=_("By e-mail"), choices=EmailWish)
    language = forms.ChoiceField(label=_("Language of e-mails"), choices=own_names)


class UnseenAddress(forms.URLInput):
    """An address that no page shows again, not even in a form that comes back."""

    def format_value(self, value: Any) -> None:
        return None


class WebhookForm(forms.Form):
    """Where it is, what it is told, and in which format."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        validators=[validators.validate_webhook],
        widget=UnseenAddress(
            attrs={"placeholder": "https://chat.example.com/hooks/replicas", "autocomplete": "off", "data-secret": ""}
        ),
        help_text=_("Notices are sent there by POST over HTTPS. Once it is stored, pages show only its host."),
    )
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[("", _("By the address")), *WebhookFormat.choices],
        required=False,
        help_text=_("Slack, Mattermost and Microsoft Teams accept only messages in their own format."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it is told"),
        choices=NoticeKind,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: everything."),
    )
    stored = ""
    """The address that is kept when none is entered."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "url" not in data or "format" not in data:
            return data
        data["url"] = data["url"] or self.stored
        data["format"] = data["format"] or detect(data["url"])
        only = only_format(data["url"])
        if only and only != data["format"]:
            host, name = urlsplit(data["url"]).hostname, only.label
            problem = _("%(host)s accepts only messages for %(format)s. Choose that format.")
            self.add_error("format", problem % {"host": host, "format": name})
        return data


class NewWebhookForm(WebhookForm):
    """The same, with the name under which it stays known."""

    name = forms.SlugField(label=_("Name"), max_length=60, help_text=_("Letters, digits, hyphens and underscores."))
    field_order = ("name", "url", "format", "kinds")


class ChangeWebhookForm(WebhookForm):
    """The same, and whether it is in use."""

    active = forms.BooleanField(label=_("In use"), required=False)

    def __init__(self, *args: Any, stored: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored
        self.fields["url"].required = False
        self.fields["url"].help_text = _("Empty: the stored address is kept. Pages show only its host.")


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
