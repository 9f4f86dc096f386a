"""Every page in every language, and choosing one."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from replicas import names
from replicas.models import AuditEvent, EmailChoice
from tests.portal.test_catalogues import CODES, catalogue, messages
from tests.replicas.views.conftest import World
from tests.replicas.views.test_access import PAGES, address
from tests.replicas.views.test_queries import who

SHOWN = ("aria-label", "title", "placeholder")
WORDS = {"de": "Abmelden", "fr": "Se déconnecter"}


class Texts(HTMLParser):
    """What a page says, piece by piece."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = tag in ("script", "code")
        self.found |= {value for name, value in attrs if name in SHOWN and value}

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.add(" ".join(data.split()))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("locale")
    for code in CODES:
        folder = root / code / "LC_MESSAGES"
        folder.mkdir(parents=True)
        with (folder / "django.mo").open("wb") as file:
            write_mo(file, catalogue(code))
    return root


@pytest.fixture(autouse=True)
def translations(compiled: Path, settings: Any) -> None:
    """Those of the sources, whether they are compiled there or not."""
    settings.LOCALE_PATHS = [compiled]


def in_english(code: str) -> set[str]:
    """Texts that the language says otherwise; fields of the admin are also roles, and keys of records."""
    texts = {message.id for message in messages(code) if isinstance(message.id, str) and message.id != message.string}
    return texts - set(names.FIELDS)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if page.method == "get" and "key" not in name and name != "counters"]
)
def test_pages_are_in_the_chosen_language(name: str, code: str, world: World) -> None:
    where = address(name, world)
    client = world.client(who(where))
    client.cookies[configured.LANGUAGE_COOKIE_NAME] = code
    answer = client.get(where)
    assert answer.status_code == 200
    if answer["Content-Type"].startswith("text/html"):
        page = answer.content.decode()
        assert f'<html lang="{code}"' in page
        assert WORDS[code] in page
        assert Texts(page).found & in_english(code) == set()


def test_the_admin_names_models_and_fields(world: World) -> None:
    client = world.client("root")
    client.cookies[configured.LANGUAGE_COOKIE_NAME] = "de"
    assert "Genehmigungsrichtlinien" in client.get(reverse("admin:index")).content.decode()
    page = client.get(reverse("admin:replicas_run_change", args=[world.failed.pk])).content.decode()
    assert "Zurückgestellt bis" in page


def test_the_language_of_the_browser_is_the_first_choice(db: None) -> None:
    page = Client(headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).get(reverse("login")).content.decode()
    assert '<html lang="de"' in page
    assert "Anmelden" in page
    assert '<html lang="en"' in Client(headers={"Accept-Language": "ja"}).get(reverse("login")).content.decode()


def test_a_chosen_language_is_kept(world: World) -> None:
    client = Client(headers={"Accept-Language": "de"})
    answer = client.post(reverse("set_language"), {"language": "fr", "next": reverse("login")})
    assert answer["Location"] == reverse("login")
    page = client.get(reverse("login")).content.decode()
    assert '<html lang="fr"' in page
    assert 'value="fr" lang="fr" aria-current="true"' in page
    client.force_login(world.people["viewer"])
    assert "Tableau de bord" in client.get(reverse("dashboard")).content.decode()
    assert client.cookies[configured.LANGUAGE_COOKIE_NAME]["max-age"] > 0


def test_emails_follow_the_chosen_language(world: World) -> None:
    client = world.client("viewer")
    client.post(reverse("set_language"), {"language": "de", "next": "/"})
    assert EmailChoice.objects.get(user=world.people["viewer"]).language == "de"
    client.post(reverse("set_language"), {"language": "tlh", "next": "/"})
    Client().post(reverse("set_language"), {"language": "fr", "next": "/"})
    assert EmailChoice.objects.values_list("user__username", "language").get() == ("viewer", "de")


def test_the_chooser_leads_back_and_nowhere_else(world: World) -> None:
    client = world.client("viewer")
    where = f"{reverse('replicas')}?state=failed"
    assert f'name="next" value="{where}"' in client.get(where).content.decode()
    away = client.post(reverse("set_language"), {"language": "de", "next": "https://evil.example.com/"})
    assert away["Location"] == "/"


def test_the_history_is_written_in_one_language(world: World) -> None:
    client = world.client("approver")
    client.cookies[configured.LANGUAGE_COOKIE_NAME] = "de"
    plan = world.waiting
    client.post(reverse("reject", args=[plan.pk]), {"digest": plan.digest, "reason": "Später, bitte."})
    event = AuditEvent.objects.filter(verb="plan:reject").get()
    assert event.label == f"Install replica: {plan.replica}"
