"""Passwords for one run end with it, whoever ends it, and there are none for a plan that has no run to come."""

from django.db import migrations

ENDED_RUN = "NEW.state IN ('succeeded', 'failed', 'cancelled')"
ENDED_PLAN = "NEW.state IN ('rejected', 'cancelled')"
NOWHERE_TO_GO = (
    "NOT EXISTS (SELECT 1 FROM replicas_plan WHERE id = NEW.plan_id AND state = 'waiting') AND "
    "NOT EXISTS (SELECT 1 FROM replicas_run WHERE plan_id = NEW.plan_id AND state IN ('queued', 'running'))"
)
REFUSAL = "no run of this plan is to come"
MAKE = {
    "sqlite": (
        f"CREATE TRIGGER run_end_wipes AFTER UPDATE OF state ON replicas_run WHEN {ENDED_RUN} "
        "BEGIN DELETE FROM replicas_plancredential WHERE plan_id = NEW.plan_id; END",
        f"CREATE TRIGGER plan_end_wipes AFTER UPDATE OF state ON replicas_plan WHEN {ENDED_PLAN} "
        "BEGIN DELETE FROM replicas_plancredential WHERE plan_id = NEW.id; END",
        f"CREATE TRIGGER plan_credential_in_time BEFORE INSERT ON replicas_plancredential WHEN {NOWHERE_TO_GO} "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION run_end_wipes() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM replicas_plancredential WHERE plan_id = NEW.plan_id; RETURN NULL; END $$",
        "CREATE TRIGGER run_end_wipes AFTER UPDATE OF state ON replicas_run "
        f"FOR EACH ROW WHEN ({ENDED_RUN}) EXECUTE FUNCTION run_end_wipes()",
        "CREATE FUNCTION plan_end_wipes() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM replicas_plancredential WHERE plan_id = NEW.id; RETURN NULL; END $$",
        "CREATE TRIGGER plan_end_wipes AFTER UPDATE OF state ON replicas_plan "
        f"FOR EACH ROW WHEN ({ENDED_PLAN}) EXECUTE FUNCTION plan_end_wipes()",
        "CREATE FUNCTION plan_credential_in_time() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {NOWHERE_TO_GO} THEN RAISE EXCEPTION '{REFUSAL}'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER plan_credential_in_time BEFORE INSERT ON replicas_plancredential "
        "FOR EACH ROW EXECUTE FUNCTION plan_credential_in_time()",
    ),
}
TRIGGERS = {
    "run_end_wipes": "replicas_run",
    "plan_end_wipes": "replicas_plan",
    "plan_credential_in_time": "replicas_plancredential",
}


def make(apps, schema_editor):
    for statement in MAKE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    for name, table in TRIGGERS.items():
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER {name} ON {table}")
            schema_editor.execute(f"DROP FUNCTION {name}()")


class Migration(migrations.Migration):
    while_running = "The triggers touch a table that the version before does not know."
    dependencies = [("replicas", "0005_survival")]
    operations = [migrations.RunPython(make, drop)]
