"""One group a role, and triggers that refuse any change to the history."""

from django.db import migrations

ROLES = ("viewer", "operator", "approver", "administrator")

SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON replicas_auditevent "
    "BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON replicas_auditevent "
    "BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the history is append-only'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON replicas_auditevent "
    "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
)


def make_groups(apps, schema_editor):
    for role in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=role)


def make_guards(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("replicas", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(make_groups, migrations.RunPython.noop),
        migrations.RunPython(make_guards, migrations.RunPython.noop),
    ]
