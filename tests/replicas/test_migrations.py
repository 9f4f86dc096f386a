"""Migrations run while workers of the previous version work: what they may do, and that the rule finds the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

APP = "replicas"
BIG = {"logline"}
"""Tables that are written all the time: an index is built beside their writers (AddIndexConcurrently)."""


def faults(migration: migrations.Migration, state: ProjectState) -> Iterator[str]:
    """What a worker of the version before would stumble over. Follows the operations in `state`."""
    made: set[str] = set()
    for operation in migration.operations:
        if fault := _fault(operation, state, made):
            yield f"{migration.name}: {operation.describe()}: {fault}"
        if isinstance(operation, migrations.CreateModel):
            made.add(operation.name_lower)
        operation.state_forwards(APP, state)


def _fault(operation: Operation, state: ProjectState, made: set[str]) -> str:
    model = getattr(operation, "model_name_lower", None)
    if isinstance(operation, migrations.CreateModel) or model in made:
        return ""
    if isinstance(operation, migrations.AddField):
        return "" if _may_be_left_out(operation.field) else "is NOT NULL and has no db_default"
    if isinstance(operation, migrations.AddIndex) and type(operation) is migrations.AddIndex:
        return "is built with AddIndexConcurrently" if model in BIG else ""
    if isinstance(operation, migrations.AlterField):
        before = state.models[APP, operation.model_name_lower].fields[operation.name]
        return "changes a column that is in use" if _columns_differ(before, operation.field) else ""
    if isinstance(operation, (migrations.AlterModelOptions, migrations.AlterModelManagers)):
        return ""
    return "takes away, restricts or rewrites something that is in use"


def _may_be_left_out(field: models.Field[object, object]) -> bool:
    return field.null or field.many_to_many is True or field.db_default is not NOT_PROVIDED


def _columns_differ(before: models.Field[object, object], after: models.Field[object, object]) -> bool:
    """Leaving out what never reaches the database, such as choices and help texts."""

    def column(field: models.Field[object, object]) -> tuple[str, list[object], dict[str, object]]:
        _, kind, arguments, options = field.deconstruct()
        return kind, list(arguments), {k: v for k, v in options.items() if k not in field.non_db_attrs}

    return column(before) != column(after)


def late() -> list[str]:
    """The migrations that have to obey."""
    names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == APP)
    return [name for name in names if name > "0004_history_guards"]


@pytest.mark.parametrize("name", late())
def test_workers_of_the_version_before_go_on(name: str) -> None:
    """A migration that does more than to add says why it may: `while_running = "..."` in its class."""
    loader = MigrationLoader(None)
    migration = loader.disk_migrations[APP, name]
    if getattr(migration, "while_running", ""):
        return
    state = loader.project_state([parent for parent in migration.dependencies if parent[0] == APP])
    assert list(faults(migration, state)) == []


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (migrations.AddField("run", "late", models.TextField()), "no db_default"),
        (migrations.AddField("run", "late", models.TextField(default="")), "no db_default"),
        (migrations.AddField("run", "late", models.TextField(db_default="")), ""),
        (migrations.AddField("run", "late", models.TextField(null=True)), ""),  # noqa: DJ001
        (migrations.RemoveField("run", "error"), "takes away"),
        (migrations.RenameField("run", "error", "failure"), "takes away"),
        (migrations.DeleteModel("stepRun"), "takes away"),
        (migrations.AlterField("run", "error", models.CharField(max_length=5)), "in use"),
        (migrations.AddIndex("run", models.Index(fields=["error"], name="a")), ""),
        (migrations.AddIndex("logline", models.Index(fields=["at"], name="b")), "AddIndexConcurrently"),
        (migrations.AddConstraint("run", models.UniqueConstraint(fields=["error"], name="c")), "restricts"),
        (migrations.RunSQL("UPDATE replicas_run SET error = ''"), "rewrites"),
    ],
)
def test_the_rule_finds_it(operation: Operation, expected: str) -> None:
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})("9999_late", APP)
    loader = MigrationLoader(None)
    found = list(faults(migration, loader.project_state(loader.graph.leaf_nodes(APP))))
    assert len(found) == bool(expected)
    assert expected in "".join(found)
