"""Room for the accounts of directories, which have a domain behind their name."""

from django.db import migrations, models

import replicas.validators

LOGIN = {"default": "root", "max_length": 255, "validators": [replicas.validators.validate_login]}


class Migration(migrations.Migration):
    while_running = "a column that only gets longer: PostgreSQL rewrites nothing, and what is there stays as it is"
    dependencies = [("replicas", "0039_silent_name_servers")]
    operations = [
        migrations.AlterField(
            model_name=model, name="ssh_user", field=models.CharField(verbose_name="SSH user", **LOGIN)
        )
        for model in ("master", "replica")
    ]
