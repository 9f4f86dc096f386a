"""A replica whose run was stopped by a user is stopped, not failed: other words, and no change of the tables."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('replicas', '0034_webhook_format'),
    ]

    operations = [
        migrations.AlterField(
            model_name='replica',
            name='state',
            field=models.CharField(choices=[('requested', 'Awaiting approval'), ('approved', 'Approved'), ('running', 'Installing'), ('verified', 'Verified'), ('failed', 'Failed'), ('stopped', 'Stopped'), ('rejected', 'Rejected'), ('cancelled', 'Cancelled'), ('removing', 'Being removed'), ('removed', 'Removed')], default='requested', max_length=12),
        ),
        migrations.AlterField(
            model_name='run',
            name='state',
            field=models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Stopped')], default='queued', max_length=10),
        ),
        migrations.AlterField(
            model_name='steprun',
            name='state',
            field=models.CharField(choices=[('pending', 'Pending'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Stopped')], default='pending', max_length=10),
        ),
    ]
