"""The plans of many requests that are not submitted yet: looked at, and submitted together, or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import BoundField
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from replicas.actions import tables
from replicas.actions.drafts import Outdated
from replicas.actions.prove_passwords import Proof
from replicas.clients import ssh
from replicas.errors import Conflict, PortalError
from replicas.forms.bulk import Sheet, Wrong, reread
from replicas.forms.columns import COLUMNS
from replicas.forms.drafts import TableForm, fingerprint_of
from replicas.forms.requests import ReplicaRequestForm
from replicas.lifecycle.job import Job
from replicas.models import Draft, HostKey, Plan
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor, attempt
from replicas.views.findings import Findings, waited_since
from replicas.views.options import ssh as where
from replicas.views.wishes import REQUEST, Wish

SHOWN = ("hostname", "master", "ssh_address", "ssh_port", "ssh_user", "forward_policy")
"""Columns that are shown as values of their own, or that say nothing alone; of the others only what was chosen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table, as it was understood, with what the checks found on its hosts."""

    number: int
    draft: Draft
    job: Job
    checks: Findings
    field: BoundField | None = None
    """For the fingerprint of the host's key, where nobody has compared it yet."""

    @property
    def where(self) -> str:
        return where(self.job.replica)

    @property
    def fingerprint(self) -> str:
        return ssh.fingerprint(self.job.replica.host_key)

    @property
    def chosen(self) -> list[str]:
        """The options in a few words each; or, of what is asked for a replica that is there, the records."""
        found = []
        if self.draft.act != REQUEST:
            return [one["what"] for step in self.draft.steps for one in step["touches"] if one["kind"] == "record"]
        for name in COLUMNS:
            value = getattr(self.job.options, name, None)
            if name in SHOWN or not value:
                continue
            text = "" if value is True else ": " + (", ".join(value) if isinstance(value, tuple) else str(value))
            found.append(f"{ReplicaRequestForm.base_fields[name].label}{text}")
        return found


def drafts_of(request: SignedInRequest, table: UUID) -> list[Draft]:
    """Only own ones, in the order of the rows; none if there is no such table."""
    require(request, "request")
    own = Draft.objects.filter(table=table, requested_by=request.user)
    return list(own.select_related("replica__master__realm", "replica__host_key").order_by("pk"))


def fetch(request: SignedInRequest, table: UUID) -> list[Draft]:
    found = drafts_of(request, table)
    if not found:
        raise Http404
    return found


@require_safe
def table(request: SignedInRequest, table: UUID) -> HttpResponse:
    found = fetch(request, table)
    return page(request, table, found, form_for(found))


@posted("table")
def table_submit(request: SignedInRequest, table: UUID) -> HttpResponse:
    found = fetch(request, table)
    form = form_for(found, request.POST)
    try:
        sheet = _reread(request, found)
    except PortalError as error:
        return page(request, table, found, form, error)
    sent = attempt(request, form, lambda data: _submit(request, table, sheet, data))
    if isinstance(sent.failure, Outdated):
        return _renewed(request, table, found, sent.failure)
    if not sent.done:
        return page(request, table, found, form, sent.failure, sheet.wrong or sheet.told(sent.failure))
    number = len(sent.value)
    text = ngettext(
        "%(n)d request is submitted. Someone else has to approve it now.",
        "%(n)d requests are submitted. Someone else has to approve them now.",
        number,
    )
    messages.success(request, text % {"n": number})
    return redirect("replicas")


@posted("table")
def table_discard(request: SignedInRequest, table: UUID) -> HttpResponse:
    fetch(request, table)
    tables.discard_all(actor(request), table)
    messages.success(request, _("Discarded. Nothing was submitted."))
    return redirect("replicas")


@posted("table")
def table_check(request: SignedInRequest, table: UUID) -> HttpResponse:
    fetch(request, table)
    tables.check_again(actor(request), table)
    return redirect("table", table)


def _submit(request: SignedInRequest, table: UUID, sheet: Sheet, data: dict[str, Any]) -> list[Plan]:
    if sheet.wrong:  # the rules, or what they look at, have changed since
        raise Conflict(_("The table is not valid any more."), _("Change it, and look at its plans again."))
    return tables.submit_all(actor(request), table, sheet.rows, data["despite"], data["fingerprints"])


def form_for(found: Sequence[Draft], sent: QueryDict | None = None) -> TableForm:
    """Return the form that submits these drafts, with a field for each host whose key nobody has compared yet."""
    known = set(HostKey.objects.exclude(compared="").values_list("hostname", "key"))
    hosts = ((draft, draft.job["replica"]) for draft in found if draft.act == REQUEST and not draft.fingerprint)
    later = [draft.pk for draft, host in hosts if (host["hostname"], host["host_key"]) not in known]
    return TableForm(sent, compared_later=later)


def _reread(request: SignedInRequest, found: Sequence[Draft]) -> Sheet:
    """What the drafts ask for by now. Raises PortalError when one cannot be opened."""
    if found[0].act == REQUEST:
        return reread(found, request.user)
    who, sheet = actor(request), Sheet()
    for number, draft in enumerate(found, 1):
        wish = Wish.of(draft)
        if draft.replica is None or not wish.form.is_valid():
            sheet.wrong.append(Wrong(number, "", str(draft), _("The request is not valid any more.")))
            continue
        freeze = wish.freezing(who, wish.form.cleaned_data)
        sheet.rows.append(tables.Row(draft.replica, draft.disclose(), act=draft.act, freeze=freeze))
        sheet.lines.append(number)
    return sheet


def _renewed(request: SignedInRequest, old: UUID, found: Sequence[Draft], outdated: Outdated) -> HttpResponse:
    """The page of the plans that the same table makes now."""
    sheet = _reread(request, found)
    try:
        made = tables.draw(actor(request), sheet.rows, found[0].unproved or {})
    except PortalError as error:
        return page(request, old, found, form_for(found), error, sheet.told(error))
    tables.discard_all(actor(request), old)
    messages.warning(request, str(outdated))
    return redirect("table", made)


def _compared_later(form: TableForm, draft: Draft) -> BoundField | None:
    name = fingerprint_of(draft.pk)
    return form[name] if name in form.fields else None


def page(
    request: SignedInRequest,
    table: UUID,
    found: Sequence[Draft],
    form: TableForm,
    failure: PortalError | None = None,
    wrong: Sequence[Wrong] = (),
) -> HttpResponse:
    now, since = timezone.now(), waited_since(found)
    lines = [
        Line(number, draft, draft.frozen_job(), Findings.of(draft, now, since), _compared_later(form, draft))
        for number, draft in enumerate(found, 1)
    ]
    context = {
        "table": table,
        "lines": lines,
        "waiting": sum(line.checks.waiting for line in lines),
        "failing": sum(line.checks.hindered for line in lines),
        "warned": sum(not line.checks.hindered and line.checks.warnings > 0 for line in lines),
        "form": form,
        "failure": failure,
        "wrong": wrong,
        "unproved": Proof(unproved=found[0].unproved or {}),
        "act": found[0].act,
        "change": f"{reverse('replica_bulk')}?table={table}" if found[0].act == REQUEST else "",
    }
    return render(request, "drafts/table.html", context)
