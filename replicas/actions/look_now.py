"""Check the health of a realm now, instead of when it is due."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from replicas.errors import Conflict
from replicas.lifecycle import looking
from replicas.lifecycle.looking import Progress
from replicas.models import Realm, RealmLook
from replicas.permissions import Actor, require
from replicas.tasks import look


@transaction.atomic
def look_now(actor: Actor, realm: Realm) -> None:
    """Raises NotAllowed, Conflict (no password is stored; a check is under way, or ended a moment ago)."""
    require(actor, "check")
    if not looking.possible(realm):
        raise Conflict(
            _("«%(password)s» of %(realm)s is not stored.") % {"password": looking.needed(realm).label, "realm": realm},
            _("An administrator stores it with «Set passwords» on the page of a master."),
        )
    if not looking.claim(realm, looking.BETWEEN_SECONDS):
        raise _too_early(realm)
    transaction.on_commit(lambda: look(realm.pk))


def _too_early(realm: Realm) -> Conflict:
    found, now = RealmLook.objects.get(realm=realm), timezone.now()
    state = looking.progress(found, now)
    if state is Progress.UNATTENDED:
        return Conflict(
            _("A check of %(realm)s is queued, but no worker has started it.") % {"realm": realm},
            _("Make sure a worker is running."),
        )
    if state is not Progress.NONE or found.asked_at is None:
        return Conflict(
            _("%(realm)s is being checked already.") % {"realm": realm}, _("The results appear on this page.")
        )
    passed = int((now - found.asked_at).total_seconds())
    return Conflict(
        _("%(realm)s was checked %(seconds)d s ago.") % {"realm": realm, "seconds": passed},
        _("Refresh again in %(seconds)d s.") % {"seconds": max(1, looking.BETWEEN_SECONDS - passed)},
    )
