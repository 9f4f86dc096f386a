"""Passwords for one run end with a plan that became void, too."""

from django.db import migrations

BEFORE, NOW = "NEW.state IN ('rejected', 'cancelled')", "NEW.state IN ('rejected', 'cancelled', 'void')"
MAKE = {
    "sqlite": (
        "CREATE TRIGGER plan_end_wipes AFTER UPDATE OF state ON replicas_plan WHEN {ended} "
        "BEGIN DELETE FROM replicas_plancredential WHERE plan_id = NEW.id; END"
    ),
    "postgresql": (
        "CREATE TRIGGER plan_end_wipes AFTER UPDATE OF state ON replicas_plan "
        "FOR EACH ROW WHEN ({ended}) EXECUTE FUNCTION plan_end_wipes()"
    ),
}
DROP = {"sqlite": "DROP TRIGGER plan_end_wipes", "postgresql": "DROP TRIGGER plan_end_wipes ON replicas_plan"}


def with_ends(ended):
    def make(apps, schema_editor):
        vendor = schema_editor.connection.vendor
        schema_editor.execute(DROP[vendor])
        schema_editor.execute(MAKE[vendor].format(ended=ended))

    return make


class Migration(migrations.Migration):
    while_running = "A portal of the version before wipes what a void plan had, if the trigger leaves it something."
    dependencies = [("replicas", "0029_attempts")]
    operations = [migrations.RunPython(with_ends(NOW), with_ends(BEFORE))]
