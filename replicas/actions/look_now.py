"""Look at a realm now, instead of when it is due."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from replicas.errors import Conflict
from replicas.lifecycle import looking
from replicas.models import Realm
from replicas.permissions import Actor, require
from replicas.tasks import look


@transaction.atomic
def look_now(actor: Actor, realm: Realm) -> None:
    """Raises NotAllowed, Conflict (no password is stored; somebody looks already)."""
    require(actor, "check")
    if not looking.possible(realm):
        raise Conflict(
            _("«%(password)s» of %(realm)s is not stored.") % {"password": looking.needed(realm).label, "realm": realm},
            _("An administrator stores it with «Set passwords» on the page of a master."),
        )
    if not looking.claim(realm, looking.BETWEEN_SECONDS):
        raise Conflict(_("%(realm)s is being looked at already.") % {"realm": realm}, _("Reload in a few seconds."))
    transaction.on_commit(lambda: look(realm.pk))
