"""One run: its page, its lines for run.js when the socket is away, its log as text."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db.models import prefetch_related_objects
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from replicas.actions.history import export_log
from replicas.forms.log import LogForm
from replicas.models import Bypass, Run
from replicas.stream import lines
from replicas.views.access import SignedInRequest, require
from replicas.views.acting import actor
from replicas.views.kinds import Subject
from replicas.views.live import as_text, lines_after, lines_found, live
from replicas.views.outcome import of_run
from replicas.views.policies import run_acts
from replicas.views.remedies import explained
from replicas.views.replica_acts import offered

RELATED = (
    "plan__replica__host_key",
    "plan__replica__master__realm",
    "plan__replica__master__host_key",
    "bypass__by",
    "bypass__reviewed_by",
)


def fetch(request: SignedInRequest, pk: int) -> Run:
    require(request, "view")
    return get_object_or_404(Run.objects.select_related(*RELATED), pk=pk)


def whole_number(request: SignedInRequest, name: str) -> int:
    """A cursor from the address; what is no number counts as the beginning."""
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 16 else 0


@require_safe
def run(request: SignedInRequest, pk: int) -> HttpResponse:
    found = fetch(request, pk)
    prefetch_related_objects([found], "steps")
    about = Subject(found.plan.replica, found)
    after = whole_number(request, "after") if "after" in request.GET else None
    bypass: Bypass | None = getattr(found, "bypass", None)
    findings = of_run(found, found.plan.replica, about.superseded(found))
    context = live(found, request.GET, after) | findings | {"bypass": bypass}
    acts = run_acts(request, found, bypass) + offered(request.user, about)
    return render(request, "runs/detail.html", context | explained(request.user, about, found, acts))


@require_safe
def run_lines(request: SignedInRequest, pk: int) -> JsonResponse:
    found = fetch(request, pk)
    return JsonResponse(lines_after(found, whole_number(request, "after")))


@require_safe
def run_find(request: SignedInRequest, pk: int) -> JsonResponse:
    """Lines by filter, or all of them: one bounded look, which says how far it came."""
    found = fetch(request, pk)
    form = LogForm(found.steps.all(), request.GET)
    return JsonResponse(lines_found(found, form.query, whole_number(request, "after")))


@require_safe
def run_log(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """Streamed: a log may be longer than memory has room for."""
    found = fetch(request, pk)
    export_log(actor(request), found)
    response = StreamingHttpResponse(whole_text(found.pk), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.plan.replica}-run-{found.pk}.txt"'
    return response


async def whole_text(run_id: int) -> AsyncIterator[str]:
    """Page by page, as fast as the browser takes it."""
    pages = lines.everything(run_id)
    while page := await sync_to_async(lambda: next(pages, None))():
        yield "".join(map(as_text, page))
