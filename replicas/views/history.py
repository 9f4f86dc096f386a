"""The audit events: filtered and in keyset pages, as one object's life, as a stream to keep, and verified."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from replicas import permissions, visible
from replicas.actions import history as actions
from replicas.filters import KINDS, EventFilter
from replicas.models import AuditCheck, AuditEvent, Bundle, Plan, Run
from replicas.views.access import SignedInRequest, posted, require
from replicas.views.acting import actor

EVENTS_A_PAGE = 50
WINDOW = 50_000
"""Events that one page looks through at most: a word that hardly any event has would take seconds otherwise."""
CELL_BEGIN = 100
SLACK = 1000
"""Events by which times and numbers may disagree in order: clocks of several machines differ a little."""
EXPORTED_AT_ONCE = 2000
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a cell, also in the full width that some of them take for the same."""


class Found(NamedTuple):
    """One page of events, newest first, and where the next one begins; `looked_to` when there may be more before it."""

    events: list[AuditEvent]
    before: int | None
    looked_to: AuditEvent | None


@require_safe
def history(request: SignedInRequest) -> HttpResponse:
    require(request, "view")
    chosen = EventFilter(request.GET, queryset=AuditEvent.objects.all())
    found = _page(chosen, _key(request.GET.get("before", "")))
    query = request.GET.copy()
    query.pop("before", None)
    filters = query.urlencode()
    if found.before is not None:
        query["before"] = str(found.before)
    context = {
        "filter": chosen,
        "events": found.events,
        "older": f"?{query.urlencode()}" if found.before is not None else "",
        "looked_to": found.looked_to,
        "filters": filters,
        "check": AuditCheck.objects.first(),
        "may_verify": permissions.may(request.user, "verify_history"),
    }
    return render(request, "history/list.html", context)


@require_safe
def timeline(request: SignedInRequest, kind: str, object_id: str) -> HttpResponse:
    """One object's life, from its beginning."""
    require(request, "view")
    if kind not in dict(KINDS):
        raise Http404
    events = AuditEvent.objects.filter(_about(kind, object_id)).order_by("pk")
    after = _key(request.GET.get("after", ""))
    shown = list(events.filter(pk__gt=after or 0)[: EVENTS_A_PAGE + 1])
    if not shown:
        raise Http404
    context = {
        "kind": dict(KINDS)[kind],
        "label": events.filter(kind=kind, object_id=object_id).values_list("label", flat=True).last() or object_id,
        "events": shown[:EVENTS_A_PAGE],
        "later": f"?after={shown[EVENTS_A_PAGE - 1].pk}" if len(shown) > EVENTS_A_PAGE else "",
    }
    return render(request, "history/timeline.html", context)


@require_safe
def history_export(request: SignedInRequest, form: str) -> HttpResponseBase:
    """Everything that the filters let through, oldest first."""
    require(request, "view")
    if form not in FORMS:
        raise Http404
    chosen = EventFilter(request.GET, queryset=AuditEvent.objects.all())
    given = {name: str(value) for name, value in request.GET.items() if value and name in chosen.filters}
    last = actions.export(actor(request), form, given).pk
    kind, head, row = FORMS[form]
    response = StreamingHttpResponse(_stream(chosen.qs.filter(pk__lte=last), head, row), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="history.{form}"'
    return response


@posted("history")
def history_verify(request: SignedInRequest) -> HttpResponse:
    require(request, "verify_history")
    actions.verify(actor(request))
    messages.success(request, _("The history is being verified. The outcome is shown here in a moment."))
    return redirect("history")


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _page(chosen: EventFilter, before: int | None) -> Found:
    """Newest first; what an index finds is taken from anywhere, and everything else from a bounded piece."""
    if not chosen.is_valid():
        return Found([], None, None)
    given = {name for name, value in chosen.form.cleaned_data.items() if value}
    events: QuerySet[AuditEvent] = chosen.qs
    if before is not None:
        events = events.filter(pk__lt=before)
    if len(given) <= 1 and not given & {"label", "text", "since", "until"}:
        rows = list(events[: EVENTS_A_PAGE + 1])
        more = len(rows) > EVENTS_A_PAGE
        return Found(rows[:EVENTS_A_PAGE], rows[EVENTS_A_PAGE - 1].pk if more else None, None)
    top, bottom = _bounds(chosen.form.cleaned_data)
    top = min(top, before) if before is not None else top
    floor = max(top - WINDOW, bottom)
    rows = list(events.filter(pk__lt=top, pk__gte=floor)[: EVENTS_A_PAGE + 1])
    if len(rows) > EVENTS_A_PAGE:
        return Found(rows[:EVENTS_A_PAGE], rows[EVENTS_A_PAGE - 1].pk, None)
    looked_to = AuditEvent.objects.filter(pk__lt=floor, pk__gte=bottom).first()
    return Found(rows, floor if looked_to else None, looked_to)


def _bounds(data: dict[str, Any]) -> tuple[int, int]:
    """Numbers above and from which no event can match the times: they rise together, but for SLACK."""
    last = AuditEvent.objects.values_list("pk", flat=True).first() or 0
    top, bottom = last + 1, 0
    times = AuditEvent.objects.order_by("at").values_list("pk", flat=True)
    if data.get("until"):
        after = EventFilter({"since": data["until"] + timedelta(days=1)}, queryset=times).qs.first()
        top = min(top, after + SLACK) if after else top
    if data.get("since"):
        first = EventFilter({"since": data["since"]}, queryset=times).qs.first()
        bottom = max(first - SLACK, 0) if first else top
    return top, bottom


def _about(kind: str, object_id: str) -> Q:
    """Of a replica also what happened to its plans, runs and bundles."""
    about = Q(kind=kind, object_id=object_id)
    if kind == "replica" and _key(object_id) is not None:
        for name, rows in (
            ("plan", Plan.objects.filter(replica_id=object_id)),
            ("run", Run.objects.filter(plan__replica_id=object_id)),
            ("bundle", Bundle.objects.filter(replica_id=object_id)),
        ):
            about |= Q(kind=name, object_id__in=[str(pk) for pk in rows.values_list("pk", flat=True)])
    return about


async def _stream(events: QuerySet[AuditEvent], head: str, row: Callable[[AuditEvent], str]) -> AsyncIterator[str]:
    """Piece by piece, as fast as the reader takes it."""
    pieces = _pieces(events)
    yield head
    while piece := await sync_to_async(lambda: next(pieces, None))():
        yield "".join(map(row, piece))


def _pieces(events: QuerySet[AuditEvent]) -> Iterator[list[AuditEvent]]:
    after = 0
    while piece := list(events.filter(pk__gt=after).order_by("pk")[:EXPORTED_AT_ONCE]):
        after = piece[-1].pk
        yield piece


COLUMNS = (
    "id", "at", "actor", "address", "request_id", "verb", "kind", "object_id", "label", "reason", "before", "after",
    "previous", "digest",
)  # fmt: skip


def _csv_row(event: AuditEvent) -> str:
    return _csv_line([_cell(getattr(event, name)) for name in COLUMNS])


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _plain(value)
    begin = visible.ODD.sub("", text[:CELL_BEGIN]).lstrip(" \u00a0\u3000")
    return f"'{text}" if text.startswith(FORMULAS) or begin.startswith(FORMULAS) else text


def _json_row(event: AuditEvent) -> str:
    fields = {name: getattr(event, name) for name in COLUMNS}
    return json.dumps(fields, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


FORMS: dict[str, tuple[str, str, Callable[[AuditEvent], str]]] = {
    "csv": ("text/csv; charset=utf-8", _csv_line(list(COLUMNS)), _csv_row),
    "jsonl": ("application/jsonl; charset=utf-8", "", _json_row),
}
"""Content type, first line and how a row is written, by the name's ending."""
