"""Asking for a replica, and for what can be done with one later."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Column, Div, Fieldset, Layout, Row
from django import forms
from django.utils.translation import gettext_lazy as _

from replicas import validators
from replicas.actions.undo import ways_in
from replicas.choices import ForwardPolicy
from replicas.forms import realm_help
from replicas.forms.fields import AddressesField, OneRunPasswords, ReasonField, WordsField
from replicas.forms.later import OfReplica
from replicas.forms.uploads import Uploads, opens
from replicas.lifecycle.job import CERTIFICATE_FILES, LISTS, REALM_OPTIONS, SOME_REALMS, UPLOADS, file_of, label_of
from replicas.models import Master, Replica
from replicas.realm_rules import ONLY_LATER
from replicas.uploads import together

FOLLOWING = {
    "forwarders": ("no_forwarders", "forward_policy"),
    "ip_addresses": ("reverse_zone", "no_reverse"),
    "dot_forwarders": ("forwarders", "no_forwarders", "forward_policy"),
    **dict.fromkeys(("hostname", "master"), (*CERTIFICATE_FILES, "no_pkinit")),
} | {upload: (file_of(upload), "no_pkinit") for upload in UPLOADS}
"""Fields whose rules look at another one, and say nothing true while that one is wrong."""
EXCEPTIONS_HELP = _("Leave empty unless you must. Approvers see them.")
DNS_HELP = {
    "forwarders": _(
        "DNS servers that unknown names are forwarded to, one a line (--forwarder). Needs «set up DNS», excludes "
        "«no forwarders», and cannot be an address of the replica itself."
    ),
    "no_forwarders": _(
        "Resolve names from the root servers, with no forwarder (--no-forwarders). Needs «set up DNS», excludes "
        "forwarders."
    ),
    "forward_policy": _(
        "What BIND does when the forwarders do not answer (--forward-policy). «only» needs forwarders: without their "
        "answer, names outside the realm are not resolved."
    ),
    "no_dnssec_validation": _(
        "For forwarders that cannot do DNSSEC (--no-dnssec-validation): forged answers are not noticed then. Needs "
        "«set up DNS»."
    ),
}
"""The same in a request, and when DNS is set up later."""
IN_ROW = tuple(name for name in REALM_OPTIONS if name not in (*UPLOADS, *ONLY_LATER))
"""Those that are columns of a request, and asked for in one."""


class ReplicaRequestForm(Uploads, OneRunPasswords, forms.ModelForm[Replica]):
    """Every option of the guide. The rules are the model's (replicas/validators.py)."""

    ip_addresses = AddressesField(
        label=_("IP addresses"),
        help_text=_(
            "Adds the A, AAAA and PTR records of the replica to the DNS (--ip-address). Only for a realm with "
            "integrated DNS: otherwise there is no DNS record to update. Each address is checked: it must belong to "
            "the host and answer."
        ),
    )
    forwarders = AddressesField(label=_("Forwarders"), help_text=DNS_HELP["forwarders"])
    more_reverse_zones = WordsField(
        "more_reverse_zones", label=_("Further reverse zones"), help_text=realm_help.HELP["more_reverse_zones"]
    )
    dot_forwarders = WordsField(
        "dot_forwarders", label=_("Forwarders over TLS"), help_text=realm_help.HELP["dot_forwarders"]
    )
    ntp_servers = WordsField("ntp_servers", label=_("Time servers"), help_text=realm_help.HELP["ntp_servers"])

    class Meta:
        model = Replica
        fields = (
            "hostname", "master", "ssh_address", "ssh_port", "ssh_user", "ip_addresses", "reverse_zone", "no_reverse",
            "setup_ca", "setup_dns", "forwarders", "no_forwarders", "forward_policy", "no_dnssec_validation",
            "skip_conncheck_reason", "other_host_reason", *IN_ROW,
        )  # fmt: skip
        field_classes = dict.fromkeys(SOME_REALMS, forms.BooleanField)
        labels = dict.fromkeys(CERTIFICATE_FILES, _("Or a file on the replica's host"))
        help_texts = {
            "hostname": _(
                "A valid DNS name, fully qualified: only lower-case letters, digits, hyphens and dots. Underscores "
                "cause DNS failures; capital letters are not allowed."
            ),
            "master": _("The server that prepares the bundle and initializes the replica."),
            "ssh_address": _(
                "IPv4 or IPv6 address where the portal reaches the blank host by SSH. Its host key is pinned and part "
                "of the plan."
            ),
            "reverse_zone": _(
                "For the PTR records; empty means the most specific zone that the realm has (--reverse-zone). Needs IP "
                "addresses, all of which it holds, and excludes «no reverse zone»."
            ),
            "no_reverse": _("Add no PTR records (--no-reverse). Needs IP addresses, excludes a reverse zone."),
            "setup_ca": _(
                "Optional for replicas: a copy of the authority that issues certificates itself (--setup-ca). Needs a "
                "master that has the authority's key."
            ),
            "setup_dns": _(
                "Serve the realm's zones (--setup-dns). Needs a realm with integrated DNS, and forwarders or «no "
                "forwarders». Can also be done later."
            ),
            "skip_conncheck_reason": _(
                "Filled in, the connection check is left out (--skip-conncheck), for this reason. A port that is "
                "closed then makes the installation fail half-way."
            ),
            "other_host_reason": _(
                "Filled in, a bundle whose host name differs is accepted, for this reason: for machines with several "
                "names."
            ),
        } | {name: text for name, text in {**DNS_HELP, **realm_help.HELP}.items() if name != "forwarders"}
        widgets = {
            **dict.fromkeys(SOME_REALMS, forms.CheckboxInput),
            # Another master has other options: the server shows them, and keeps what was typed.
            "master": forms.Select(
                attrs={
                    "hx-post": "",
                    "hx-trigger": "change",
                    "hx-vals": '{"choose": "1"}',
                    "hx-target": "#of-realm",
                    "hx-select": "#of-realm",
                    "hx-swap": "outerHTML",
                }
            ),
            "hostname": forms.TextInput(
                attrs={"spellcheck": "false", "autocapitalize": "none", "placeholder": "ipareplica.example.com"}
            ),
            "leftovers_reason": forms.Textarea(attrs={"rows": 2, "maxlength": validators.MAX_REASON}),
            "skip_conncheck_reason": forms.Textarea(attrs={"rows": 2, "maxlength": validators.MAX_REASON}),
            "other_host_reason": forms.Textarea(attrs={"rows": 2, "maxlength": validators.MAX_REASON}),
        }

    def __init__(self, *args: Any, offered: Collection[str] = REALM_OPTIONS, **kwargs: Any) -> None:
        """`offered`: those of REALM_OPTIONS that the chosen master has; the others are not asked for."""
        super().__init__(*args, **kwargs)
        self.fields["forward_policy"].required = False
        for name in (*SOME_REALMS, *LISTS):
            self.fields[name].required = False
        self.ask_only(offered)
        for name in set(IN_ROW) - set(offered):
            del self.fields[name]
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(
            Fieldset(
                _("Host"),
                Row(Column("hostname"), Column("master", HTML("{% include 'replicas/show_options.html' %}"))),
                Row(Column("ssh_address"), Column("ssh_user"), Column("ssh_port")),
            ),
            Fieldset(_("DNS records of the host"), "ip_addresses", Row(Column("reverse_zone"), Column("no_reverse"))),
            Fieldset(_("Certificate authority"), "setup_ca"),
            Fieldset(
                _("DNS service"),
                "setup_dns",
                Row(Column("forwarders"), Column("no_forwarders", "no_dnssec_validation")),
                "forward_policy",
            ),
            Div(*self._of_some_realms(), css_id="of-realm"),
            Fieldset(_("Passwords for this run only"), Row(Column("directory_manager"), Column("admin"))),
            Fieldset(
                _("Exceptions"),
                HTML(f"<p class='text-body-secondary'>{EXCEPTIONS_HELP}</p>"),
                "skip_conncheck_reason",
                "other_host_reason",
            ),
        )

    def _of_some_realms(self) -> Iterator[Fieldset]:
        """Two columns of the fields that are there."""
        for title, names in realm_help.GROUPS.items():
            there = tuple(name for name in names if name in self.fields)
            half = -(-len(there) // 2)
            if there:
                yield Fieldset(title, self._row(there[:half], there[half:]))
        rows = [self._row((name, opens(name)), (file_of(name), label_of(name))) for name in UPLOADS]
        last = ["no_pkinit"] if "no_pkinit" in self.fields else []
        if any(row.fields for row in rows) or last:
            yield Fieldset(_("Certificates of another authority"), *rows, *last)

    def _row(self, *columns: tuple[str, ...]) -> Row:
        there = ([name for name in names if name in self.fields] for names in columns)
        return Row(*(Column(*names) for names in there if names))

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        host, master = data.get("hostname"), data.get("master")
        if host and master:
            self.instance.certificates = together.check(data["certificates"], host, master.realm) or None
        return data

    def clean_forward_policy(self) -> str:
        return self.cleaned_data["forward_policy"] or ForwardPolicy.FIRST

    def add_error(self, field: str | None, error: Any) -> None:
        """Leave out what the model says of fields that are wrong already: it never saw what was typed there."""
        if field is None and hasattr(error, "error_dict"):
            unseen = {*self.errors, *(name for wrong in self.errors for name in FOLLOWING.get(wrong, ()))}
            error.error_dict = {name: told for name, told in error.error_dict.items() if name not in unseen}
        super().add_error(field, error)


class RecordsForm(OneRunPasswords):
    """Missing DNS records, which the plan lists."""


class CancelForm(forms.Form):
    """Why a plan or a run is cancelled."""

    reason = ReasonField()


class StopForm(CancelForm):
    """Why a run is stopped in the middle of a step, confirmed."""

    confirmed = forms.BooleanField(
        label=_("Stop in the middle of the step, and leave its host as it is then"),
        error_messages={"required": _("Confirm that the step may be left half done, or use Cancel.")},
    )


class RemovalForm(OfReplica):
    """Why a replica is undone or removed, and what became of its machine and of its master."""

    reason = ReasonField()
    host_gone_reason = ReasonField(
        label=_("The host is gone"),
        help_text=_(
            "Only if the machine is lost for good: say what became of it. Its own part is left out then; the realm "
            "forgets it all the same. Never for a machine that may come back."
        ),
        required=False,
    )
    way_in = forms.ModelChoiceField(
        label=_("Work on the realm from another server"),
        queryset=Master.objects.all(),
        help_text=_(
            "Only if the replica's own master is lost for good. Whatever is on that master stays there, and the plan "
            "says what else is left."
        ),
        required=False,
    )

    def about(self, replica: Replica) -> None:
        """Offered only where there is another one."""
        super().about(replica)
        others = ways_in(replica)
        if found := list(others):
            # Asked for once.
            choices = [("", _("No: from its own master")), *((one.pk, str(one)) for one in found)]
            self.fields["way_in"].widget.choices = choices
        elif not self.data.get("way_in"):
            del self.fields["way_in"]


class RetryForm(Uploads, OneRunPasswords):
    """Why a run is tried again, which one if it is not the newest, and what was uploaded for it, once more."""

    reason = ReasonField(required=False)
    run = forms.IntegerField(widget=forms.HiddenInput, required=False)


class ResubmitForm(Uploads, OneRunPasswords):
    """Why an ended request is made again, and what was uploaded for it, once more."""

    reason = ReasonField(required=False)
