"""The history's end moves with every event, whoever writes it; and it begins where the history ends now."""

from django.db import migrations

MOVE = (
    "INSERT INTO replicas_audithead (id, last_id, digest, events) VALUES (1, NEW.id, NEW.digest, 1) "
    "ON CONFLICT (id) DO UPDATE SET last_id = NEW.id, digest = NEW.digest, events = replicas_audithead.events + 1;"
)
MAKE = {
    "sqlite": (f"CREATE TRIGGER audit_moves_head AFTER INSERT ON replicas_auditevent BEGIN {MOVE} END",),
    "postgresql": (
        f"CREATE FUNCTION audit_moves_head() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {MOVE} RETURN NULL; END $$",
        "CREATE TRIGGER audit_moves_head AFTER INSERT ON replicas_auditevent "
        "FOR EACH ROW EXECUTE FUNCTION audit_moves_head()",
    ),
}
DROP = {
    "sqlite": ("DROP TRIGGER audit_moves_head",),
    "postgresql": ("DROP TRIGGER audit_moves_head ON replicas_auditevent", "DROP FUNCTION audit_moves_head()"),
}
BEGIN = (
    "INSERT INTO replicas_audithead (id, last_id, digest, events) "
    "SELECT 1, id, digest, (SELECT count(*) FROM replicas_auditevent) FROM replicas_auditevent ORDER BY id DESC LIMIT 1"
)


def make(apps, schema_editor):
    # On PostgreSQL the trigger locks the table for others' writing until the commit: no event comes between the two.
    for statement in (*MAKE[schema_editor.connection.vendor], BEGIN):
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    for statement in (*DROP[schema_editor.connection.vendor], "DELETE FROM replicas_audithead"):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    while_running = "The trigger writes to a table of its own, also for workers of the version before."
    dependencies = [("replicas", "0008_history")]
    operations = [migrations.RunPython(make, drop)]
