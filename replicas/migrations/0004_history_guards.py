"""Refuse two more ways around the history's triggers: TRUNCATE, and SQLite's REPLACE, which deletes without a trigger."""

from django.db import migrations

GUARDS = {
    "sqlite": (
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON replicas_auditevent "
        "WHEN EXISTS (SELECT 1 FROM replicas_auditevent WHERE id = NEW.id OR digest = NEW.digest) "
        "BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END",
        "DROP TRIGGER audit_no_replace",
    ),
    "postgresql": (
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON replicas_auditevent "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        "DROP TRIGGER audit_no_truncate ON replicas_auditevent",
    ),
}


def make(apps, schema_editor):
    schema_editor.execute(GUARDS[schema_editor.connection.vendor][0])


def drop(apps, schema_editor):
    schema_editor.execute(GUARDS[schema_editor.connection.vendor][1])


class Migration(migrations.Migration):
    dependencies = [("replicas", "0003_names_and_options")]
    operations = [migrations.RunPython(make, drop)]
