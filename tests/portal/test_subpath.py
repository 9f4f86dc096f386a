"""Where a request belongs when the portal is below the root of its host."""

from __future__ import annotations

import pytest

from portal.subpath import place


@pytest.mark.parametrize(
    ("path", "mounted", "expected"),
    [
        ("/portal/runs/1/", "", "/portal/runs/1/"),
        ("/runs/1/", "", "/portal/runs/1/"),
        ("/portal", "", "/portal/"),
        ("/", "", "/portal/"),
        ("/portal/runs/1/", "/portal", "/portal/runs/1/"),
        ("/portal/portal/runs/1/", "/portal", "/portal/runs/1/"),
        ("/portal//runs/1/", "/portal/", "/portal/runs/1/"),
        ("/portals/", "", "/portal/portals/"),
        ("/portal/portal/", "", "/portal/portal/"),
        ("/healthz", "", "/portal/healthz"),
    ],
)
def test_every_way_leads_to_the_same_place(path: str, mounted: str, expected: str) -> None:
    assert place(path, "/portal", mounted) == expected
