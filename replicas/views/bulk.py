"""Asking for many replicas with a table: it is shown as it was understood, and submitted when it is confirmed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from replicas.actions.submit_all import SomeFailed, submit_all
from replicas.forms.bulk import COLUMNS, NEEDED, BulkForm, Sheet, Wrong, example, read
from replicas.forms.requests import ReplicaRequestForm
from replicas.models import Replica
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor, attempt

PLAIN = ("hostname", "master", "ssh_address", "ssh_port", "ssh_user", "forward_policy")
"""Columns that are shown as values of their own; of the others only what was chosen."""


@require_http_methods(["GET", "HEAD", "POST"])
def replica_bulk(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    form = BulkForm(request.POST or None, request.FILES or None)
    sheet, failure, content = Sheet(), None, ""
    if form.is_valid():
        content = form.cleaned_data["content"]
        sheet = read(content, request.user)
        if "confirmed" in request.POST and not sheet.wrong:
            sent = attempt(request, form, lambda data: submit_all(actor(request), sheet.replicas))
            if sent.done:
                number = len(sent.value)
                text = ngettext(
                    "%(n)d request is submitted. Someone else has to approve it now.",
                    "%(n)d requests are submitted. Someone else has to approve them now.",
                    number,
                )
                messages.success(request, text % {"n": number})
                return redirect("replicas")
            failure = sent.failure
            if isinstance(failure, SomeFailed):
                sheet.wrong = [_at(sheet, place, str(error)) for place, error in failure.failures.items()]
    context = {
        "form": form,
        "failure": failure,
        "content": content,
        "wrong": sheet.wrong,
        "rows": [] if sheet.wrong else [_row(*pair) for pair in zip(sheet.lines, sheet.replicas, strict=True)],
        "columns": COLUMNS,
        "needed": NEEDED,
    }
    return render(request, "replicas/bulk.html", context)


@require_safe
def replica_bulk_example(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    headers = {"Content-Disposition": 'attachment; filename="replicas.csv"'}
    return HttpResponse(example(), content_type="text/csv; charset=utf-8", headers=headers)


def _at(sheet: Sheet, place: int, problem: str) -> Wrong:
    return Wrong(sheet.lines[place], "ssh_address", sheet.replicas[place].ssh_address, problem)


def _row(line: int, replica: Replica) -> tuple[int, Replica, list[str]]:
    """A request, and its options in a few words each."""
    chosen = []
    for name in COLUMNS:
        value = getattr(replica, name)
        if name in PLAIN or not value:
            continue
        text = "" if value is True else ": " + (", ".join(value) if isinstance(value, list) else str(value))
        chosen.append(f"{ReplicaRequestForm.base_fields[name].label}{text}")
    return line, replica, chosen
