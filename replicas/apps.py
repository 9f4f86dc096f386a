"""The Django application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReplicasConfig(AppConfig):
    """Registers the system checks, and listens to who signs in."""

    name = "replicas"
    verbose_name = _("Replicas")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import checks  # noqa: F401  registers portal.E001 and the others
        from replicas import names, sessions

        names.translate(self.get_models())
        sessions.connect()
