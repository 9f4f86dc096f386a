"""Whether the script that takes pictures of every page knows every page."""

from __future__ import annotations

from script.screenshots import SHOTS, file_of
from tests.browser.test_every_page import NO_PAGES
from tests.replicas.views.test_access import PAGES


def test_a_page_cannot_be_forgotten() -> None:
    pages = {name for name, page in PAGES.items() if page.method == "get" and name not in NO_PAGES}
    assert {name.split(":")[0] for name in SHOTS} == pages | {"login", "admin", "error"}
    assert len(set(map(file_of, SHOTS))) == len(SHOTS)
