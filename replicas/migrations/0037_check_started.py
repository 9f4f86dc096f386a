"""When a worker began the newest health check of a realm: an older portal's worker leaves it empty."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("replicas", "0036_password_attempts"),)

    operations = (
        migrations.AddField(
            model_name="realmlook",
            name="started_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    )
