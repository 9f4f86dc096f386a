"""The column for --subid, which portals before it leave empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("replicas", "0037_check_started")]
    operations = [
        migrations.AddField(
            model_name="replica",
            name="subid",
            field=models.BooleanField(blank=True, null=True, verbose_name="subordinate IDs from the realm"),
        ),
    ]
