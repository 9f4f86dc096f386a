"""Every text of the portal is in the catalogues, and every translation is whole."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.utils.functional import Promise

from replicas import names

FOLDER = Path("replicas/locale")
CODES = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}|<[^>]+>|--[a-z-]+|`[^`]+`")


def catalogue(code: str, root: Path = settings.BASE_DIR) -> Catalog:
    with (root / FOLDER / code / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=code)


def messages(code: str) -> list[Message]:
    return [message for message in catalogue(code) if message.id]


def pairs(message: Message) -> list[tuple[str, str]]:
    """Text and translation; of a plural every form, the first for one thing and the others for many."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    one, many = message.id
    forms = list(message.string or ())
    return [(one, forms[0]), *((many, form) for form in forms[1:])]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources whose catalogues were just brought up to date."""
    if shutil.which("xgettext") is None:
        pytest.skip("gettext is not installed")
    root = tmp_path_factory.mktemp("sources")
    for name in ("portal", "replicas", "templates", "static"):
        shutil.copytree(settings.BASE_DIR / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(settings.BASE_DIR / "manage.py", root)
    environment = os.environ | {"PORTAL_DATA_DIR": str(root / "data")}
    wanted = [f"--locale={code}" for code in CODES]
    options = ["--no-location", "--no-obsolete"]
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", *wanted, *options],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
    )
    return root


@pytest.mark.parametrize("code", CODES)
def test_the_catalogue_has_every_text_and_nothing_else(code: str, extracted: Path) -> None:
    """script/messages brings it up to date."""
    now, kept = (
        {(message.context, message.id) for message in found if message.id}
        for found in (catalogue(code, extracted), catalogue(code))
    )
    assert sorted(map(str, now - kept)) == []
    assert sorted(map(str, kept - now)) == []


@pytest.mark.parametrize("code", CODES)
def test_everything_is_translated(code: str) -> None:
    found = messages(code)
    assert [message.id for message in found if message.fuzzy] == []
    assert [message.id for message in found if not all(text.strip() for _id, text in pairs(message))] == []
    assert len(list(catalogue(code).obsolete)) == 0


@pytest.mark.parametrize("code", CODES)
def test_placeholders_and_spaces_are_those_of_the_text(code: str) -> None:
    for text, translation in (pair for message in messages(code) for pair in pairs(message)):
        assert sorted(PLACEHOLDER.findall(translation)) == sorted(PLACEHOLDER.findall(text)), text
        assert translation.endswith(" ") == text.endswith(" "), text
        assert text.count("\n") == translation.count("\n"), text


@pytest.mark.parametrize(("code", "forms"), [("de", "n != 1"), ("fr", "n > 1")])
def test_plurals_are_those_of_the_language(code: str, forms: str) -> None:
    found = catalogue(code)
    assert (found.num_plurals, found.plural_expr.strip("()")) == (2, forms)
    assert {len(pairs(message)) for message in found if isinstance(message.id, tuple)} == {2}


def test_quotation_marks_are_those_of_the_language() -> None:
    for code, foreign in (("de", "«»"), ("fr", "“”„")):
        texts = [text for message in messages(code) for _id, text in pairs(message)]
        assert [text for text in texts if any(sign in text for sign in foreign)] == []


def test_no_text_is_within_an_f_string() -> None:
    """There xgettext does not find it, and nothing would say that it is missing."""
    hidden = [
        f"{path}:{call.lineno}"
        for folder in ("portal", "replicas")
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        for text in ast.walk(ast.parse(path.read_text()))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in GETTEXT
    ]
    assert hidden == []


def test_models_and_fields_have_names_that_can_be_translated() -> None:
    known = {str(message.id) for message in messages(CODES[0])}
    for model in apps.get_app_config("replicas").get_models():
        assert isinstance(model._meta.verbose_name, Promise)
        for field in model._meta.local_fields:
            assert isinstance(field.verbose_name, Promise)
            assert str(field.verbose_name) in known, f"{model.__name__}.{field.name}"
    assert {model._meta.model_name for model in apps.get_app_config("replicas").get_models()} == set(names.MODELS)
