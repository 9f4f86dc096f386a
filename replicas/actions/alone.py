"""One run at a time on a replica: two would change the same host under each other."""

from __future__ import annotations

from django.utils.translation import gettext as _

from replicas.choices import RUN_ACTIVE
from replicas.errors import Conflict
from replicas.lifecycle.order import hold
from replicas.models import Replica, Run


def require_alone(replica: Replica) -> None:
    """Raises Conflict when a run is active; belongs into a transaction, which then holds the replica's row."""
    hold(replica.pk)
    active = Run.objects.filter(plan__replica=replica, state__in=RUN_ACTIVE).select_related("plan").first()
    if active is not None:
        what = {"action": active.plan.get_action_display(), "state": active.get_state_display()}
        raise Conflict(
            _("Another run is working on %(host)s: %(action)s (%(state)s).") % {"host": replica.hostname, **what},
            _("Wait until it has ended, or cancel it first."),
        )
