"""Asking for many replicas with a table: each wrong cell is named, or a plan is made of every row."""

from __future__ import annotations

from uuid import UUID

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from replicas.actions import tables
from replicas.forms.bulk import NEEDED, BulkForm, Wrong, again, example, read
from replicas.forms.columns import COLUMNS
from replicas.models import Master
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor, attempt
from replicas.views.tables import drafts_of


@require_http_methods(["GET", "HEAD", "POST"])
def replica_bulk(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    begun = attempt(request, Form(request.GET), lambda data: {} if request.method == "POST" else _initial(request))
    form = BulkForm(request.POST or None, request.FILES or None, initial=begun.value)
    wrong: list[Wrong] = []
    failure = begun.failure
    if form.is_valid():
        sheet = read(form.cleaned_data["content"], request.user, form.cleaned_data["passwords"])
        wrong = sheet.wrong
        if not wrong:
            drawn = attempt(request, form, lambda data: tables.draw(actor(request), sheet.rows))
            if drawn.done:
                return redirect("table", drawn.value)
            failure, wrong = drawn.failure, sheet.told(drawn.failure)
    context = {
        "form": form,
        "failure": failure,
        "wrong": wrong,
        "columns": COLUMNS,
        "needed": NEEDED,
        "has_masters": Master.objects.exists(),
    }
    return render(request, "replicas/bulk.html", context)


@require_safe
def replica_bulk_example(request: SignedInRequest) -> HttpResponse:
    require(request, "request")
    headers = {"Content-Disposition": 'attachment; filename="replicas.csv"'}
    return HttpResponse(example(), content_type="text/csv; charset=utf-8", headers=headers)


def _initial(request: SignedInRequest) -> dict[str, str]:
    """The content of an own table that was not submitted yet. Raises PortalError when it cannot be opened."""
    try:
        return {"content": again(drafts_of(request, UUID(request.GET["table"])))}
    except (KeyError, ValueError):
        return {}
