"""The format of what a webhook is sent. Code that does not know the column writes its default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("replicas", "0030_void_wipes")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="format",
            field=models.CharField(
                choices=[
                    ("signed", "Signed JSON (Standard Webhooks)"),
                    ("slack", "Slack"),
                    ("mattermost", "Mattermost"),
                    ("teams", "Microsoft Teams"),
                ],
                db_default="signed",
                default="signed",
                max_length=10,
                verbose_name="format",
            ),
        ),
    ]
