"""Text that hides or reorders what is around it: named, isolated and broken on pages, in e-mails, logs and tables."""

from __future__ import annotations

import csv
import io
import json
import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from portal.reporting import Visible
from replicas import visible
from replicas.choices import NoticeKind
from replicas.models import AuditEvent, Delivery, Notice, RealmLook
from replicas.outbox import deliver
from tests.replicas.views import world as w
from tests.replicas.views.conftest import World, quick, unreachable, world  # fixtures

__all__ = ["quick", "unreachable", "world"]
HIDDEN = {
    "override": "\u202e", "isolate": "\u2066", "mark": "\u200f", "arabic mark": "\u061c", "zero width": "\u200b",
    "joiner": "\u200d", "word joiner": "\u2060", "byte order": "\ufeff", "soft hyphen": "\u00ad", "tag": "\U000e0041",
    "filler": "\u3164", "variation": "\ufe0f", "line": "\u2028", "escape": "\x1b", "bell": "\x07", "nul": "\x00",
    "c1": "\x9b", "delete": "\x7f", "grapheme joiner": "\u034f", "braille blank": "\u2800",
}  # fmt: skip
ODD = "ab\u202egnol"
ZALGO = "e" + "\u0301" * 30
WORD = "x" * 5000


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_a_hidden_character_is_named(character: str) -> None:
    name = f"⟨U+{ord(character):04X}⟩"
    assert visible.mark(f"a{character}b") == f"a{name}b"
    assert visible.page(f"<p>a{character}b</p>") == f'<p>a<span class="hidden-character">{name}</span>b</p>'


def test_a_heap_of_combining_marks_is_cut_and_accents_stay() -> None:
    assert visible.mark(ZALGO) == "e" + "\u0301" * 4 + "⟨U+0301 … 26⟩"
    for text in ("Zo\u0308e", "Tiếng Việt", "हिन्दी", "ไทย", "é̂"):
        assert visible.mark(text) == text


def test_attributes_are_named_and_what_is_data_stays() -> None:
    html = f'<a title="{ODD}" href="?q={ODD}">x</a><input value="{ODD}"><textarea>{ODD}</textarea>'
    named = ODD.replace("\u202e", "⟨U+202E⟩")
    assert visible.page(html) == html.replace(f'title="{ODD}"', f'title="{named}"')


@pytest.mark.parametrize("element", ["title", "option", "svg"])
def test_where_no_markup_may_be_the_name_is_text(element: str) -> None:
    assert visible.page(f"<{element}>{ODD}</{element}>") == f"<{element}>ab⟨U+202E⟩gnol</{element}>"


def test_right_to_left_text_is_isolated_from_what_follows() -> None:
    assert visible.page("<p>שלום עולם, 123</p>") == "<p><bdi>שלום עולם</bdi>, 123</p>"


def test_a_long_word_can_break_and_a_digest_stays_whole() -> None:
    assert "x" * 41 not in visible.page(f"<td>{WORD}</td>")
    assert visible.page(f"<td>{'a' * 64}</td>") == f"<td>{'a' * 64}</td>"


def test_scripts_are_left_alone() -> None:
    html = f'<script type="application/json">{{"a": "{ODD}"}}</script><p>{ODD}</p>'
    assert visible.page(html).startswith(html.partition("<p>")[0])


REASON = f"Moved {ODD} {ZALGO} שלום {WORD[:1500]}"


def raw(text: str) -> bool:
    return any(character in text for character in HIDDEN.values())


def everywhere(world: World) -> list[str]:
    """Put odd text wherever people and hosts write, and give the pages that show it."""
    run, plan, replica = world.failed, world.failed.plan, world.failed.plan.replica
    type(run).objects.filter(pk=run.pk).update(error=f"Host said {ODD}\x1b[31m", remedy=REASON)
    w.lines(run, f"line {ODD}", f"{ZALGO}")
    plan.approvals.update(reason=REASON)
    type(world.waiting).objects.update(submitted_despite=REASON, findings=[
        {"check": "hosts", "level": "error", "message": f"banner {ODD}", "remedy": REASON}
    ], checked_at=timezone.now())  # fmt: skip
    w.event("operator", "plan:insist", "replica", replica.pk, f"label {ODD}", reason=REASON, after={"name": ODD})
    RealmLook.objects.create(
        realm=world.master.realm, at=timezone.now(), error=f"DNS {ODD}", remedy=REASON,
        dns=[{"host": f"h{ODD}", "record": f"x. 1 IN TXT {ODD}", "servers": {"ns": ODD}, "problem": ""}],
    )  # fmt: skip
    world.people["viewer"].first_name = ODD
    world.people["viewer"].save()
    pages = {"run": run.pk, "replica": replica.pk, "plan": world.waiting.pk, "realm": world.master.realm_id}
    return [
        *(reverse(name, args=[key]) for name, key in pages.items()), reverse("dashboard"), reverse("history"),
        reverse("realm_dns", args=[world.master.realm_id]), reverse("timeline", args=["replica", replica.pk]),
        reverse("admin:replicas_auditevent_changelist"), reverse("admin:auth_user_changelist"), reverse("realms"),
    ]  # fmt: skip


def test_no_page_shows_any_of_it(world: World) -> None:
    marked = 0
    for where in everywhere(world):
        answer = world.client("root").get(where)
        text = answer.content.decode()
        assert answer.status_code == 200, where
        shown = visible.TOKEN.sub(lambda token: "" if token["raw"] else token.group(), text)
        assert not raw(shown), where
        marked += "⟨U+202E⟩" in shown
    assert marked > 7


def test_a_part_that_htmx_asks_for_is_marked_too(world: World) -> None:
    everywhere(world)
    answer = world.client("root").get(reverse("history"), headers={"HX-Request": "true"})
    assert '<span class="hidden-character">⟨U+202E⟩</span>' in answer.content.decode()


def test_a_message_and_a_form_that_comes_back(world: World) -> None:
    where = reverse("replica_act", args=[world.failed.plan.replica_id, "undo"])
    answer = world.client("operator").post(where, {"reason": ODD, "directory_manager": "short"})
    page = answer.content.decode()
    assert f">{ODD}" in page.replace("\r", "").replace("\n", "")  # the text of the field is what was typed


def test_e_mails_name_it(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    notice = Notice.objects.create(
        recipient=world.people["operator"], kind=NoticeKind.REJECTED, plan=world.waiting, actor="approver", reason=ODD
    )
    world.people["operator"].email = "operator@example.com"
    world.people["operator"].save()
    Delivery.objects.create(notice=notice)
    deliver()
    assert "ab⟨U+202E⟩gnol" in mail.outbox[0].body
    assert not raw(f"{mail.outbox[0].body} {mail.outbox[0].subject}")


def streamed(answer: Any) -> str:
    async def collect() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(collect)().decode()


def test_the_log_to_download_names_it(world: World) -> None:
    w.lines(world.failed, f"said {ODD} \x1b[31mred")
    text = streamed(world.client("viewer").get(reverse("run_log", args=[world.failed.pk])))
    assert "said ab⟨U+202E⟩gnol red" in text


def exported(world: World, form: str) -> str:
    return streamed(world.client("root").get(reverse("history_export", args=[form])))


def test_exports_have_the_data_and_no_formulas(world: World) -> None:
    reasons = [ODD, "=1+1", " =1+1", "\u200b=1+1", "\ufeff@x", "＝1+1", "\n=1+1", "-1", "plain"]
    for reason in reasons:
        w.event("operator", "plan:cancel", "plan", 1, "x", reason=reason)
    lines = [json.loads(line) for line in exported(world, "jsonl").splitlines()]
    assert [line["reason"] for line in lines if line["verb"] == "plan:cancel"] == reasons
    rows = list(csv.DictReader(io.StringIO(exported(world, "csv"))))
    cells = [row["reason"] for row in rows if row["verb"] == "plan:cancel"]
    assert cells == [reasons[0], *(f"'{reason}" for reason in reasons[1:-1]), reasons[-1]]


def test_log_lines_of_the_processes_do_not_control_a_terminal() -> None:
    record = logging.LogRecord("portal", logging.INFO, "", 1, "host said %s", ("\x1b]0;x\x07\u202e",), None)
    assert Visible("%(message)s").format(record) == "host said ⟨U+001B⟩]0;x⟨U+0007⟩⟨U+202E⟩"


@pytest.mark.parametrize("field", ["skip_conncheck_reason", "other_host_reason"])
def test_reasons_have_an_end(world: World, field: str) -> None:
    page = world.client("operator").get(reverse("replica_request")).content.decode()
    assert page.count('maxlength="2000"') >= 2
    answer = world.client("operator").post(
        reverse("replica_request"), {"hostname": "a.example.com", field: WORD, "master": world.master.pk}
    )
    assert field in answer.context["form"].errors


def test_a_page_without_any_of_it_is_what_it_was(world: World) -> None:
    assert AuditEvent.objects.exists()
    for where in ("dashboard", "replicas", "history", "replica_request", "replica_bulk", "masters"):
        page = world.client("root").get(reverse(where)).content.decode()
        assert 'class="hidden-character"' not in page
        assert "<bdi>" not in page
