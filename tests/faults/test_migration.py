"""A newer schema while a run is under way: the run does not notice, and nobody waits for the migration."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from script import services
from script.people import Person
from script.processes import ROOT
from tests.faults.browser import Follower
from tests.faults.site import Site, site
from tests.faults.table import TABLE
from tests.faults.test_services import assert_whole, ended, start, wait
from tests.replicas.lifecycle.twin import World
from tests.replicas.views.world import PASSWORD

pytestmark = pytest.mark.skipif(services.missing() is not None, reason=str(services.missing()))
SETTINGS = "from portal.settings import *  # noqa: F403\nMIGRATION_MODULES = {'replicas': 'newer.migrations'}\n"
NEWER = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("replicas", "{last}")]
    operations = [
        migrations.AddField("run", "late", models.TextField(db_default="")),
        migrations.AddField("steprun", "late", models.IntegerField(db_default=7)),
        migrations.AddField("logline", "late", models.TextField(null=True)),
        migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))]),
    ]
"""


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        made.worker()
        yield made


@pytest.fixture
def newer(tmp_path: Path) -> list[str]:
    """The command that brings the database up to a version that has one more migration."""
    package = tmp_path / "newer"
    shutil.copytree(ROOT / "replicas/migrations", package / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    last = max(path.stem for path in (package / "migrations").glob("0*.py"))
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(SETTINGS)
    (package / "migrations" / "9999_late.py").write_text(NEWER.format(last=last))
    return [sys.executable, "manage.py", "migrate", "--settings=newer.settings", f"--pythonpath={tmp_path}"]


def test_migrated_in_the_middle_of_a_run(portal: Site, newer: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_WORLD", str(portal.world))
    world = World("replica1.example.com")
    world.tell("seal-bundle", "inside")
    person = Person(portal.web(), "viewer", PASSWORD)
    run_id = start(portal, world)
    with Follower(person, run_id) as page:
        wait(world.reached("seal-bundle", "inside").exists)
        with psycopg.connect(portal.database.url) as reader:
            reader.execute("SELECT count(*) FROM replicas_run")  # holds its lock until the end of its transaction
            migration = portal.run("migration", newer)
            wait(lambda: "trying again" in portal.log("migration"))
            renewed = lease(portal, run_id)
            world.go_on("seal-bundle", "inside")
            wait(lambda: ended(portal, run_id), 20)
            assert migration.poll() is None, portal.log("migration")
        assert migration.wait(60) == 0, portal.log("migration")
        page.wait(10)
    person.client.close()
    assert renewed
    assert_whole(portal, run_id, world)
    assert page.numbers == list(range(1, len(page.lines) + 1))
    assert portal.rows("SELECT fence, late FROM replicas_run WHERE id = %s", run_id) == [(1, "")]
    after = World("replica2.example.com")
    second = start(portal, after)
    wait(lambda: ended(portal, second))
    assert_whole(portal, second, after)
    assert portal.rows("SELECT DISTINCT late FROM replicas_steprun WHERE run_id = %s", second) == [(7,)]
    TABLE.add("migration", "seal-bundle, inside", "verified, not interrupted")


def lease(portal: Site, run_id: int) -> object:
    return portal.rows("SELECT lease_until > now() FROM replicas_run WHERE id = %s", run_id)[0][0]
