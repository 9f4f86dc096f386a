"""What goes wrong with 389 Directory Server, MIT Kerberos, BIND, Apache and chrony in particular."""

from __future__ import annotations

from replicas.lifecycle.symptoms import Symptom, gettext_noop

SYMPTOMS = (
    Symptom(
        "Update failed! Status|no progress",
        gettext_noop(
            "The master could not send all entries: the connection broke, the replica's Directory Server stopped "
            "or ran out of memory or space, or another total update was under way."
        ),
    ),
    Symptom(
        "Directory Server instance cannot be made|dscreate",
        gettext_noop(
            "dscreate refused: too little space, a name that does not resolve, or another instance's remains."
        ),
        ("retry", "undo"),
    ),
    Symptom(
        "does not start on",
        gettext_noop("The service refuses its configuration, a certificate or a port. Its journal has the reason."),
    ),
    Symptom(
        "is still in the update vector|CleanAllRUV",
        gettext_noop(
            "A server that is down, or does not replicate, keeps the removed replica's id until it is back. The error "
            "names it."
        ),
    ),
    Symptom(
        "Replication from .* has stopped",
        gettext_noop(
            "The supplier no longer sends changes. After a power cut, the replica can have a new database, which no "
            "server replicates with. A retry sends everything again."
        ),
    ),
    Symptom(
        "change did not reach",
        gettext_noop("Replication stands still: an agreement is in error, or a server is busy with a total update."),
    ),
    Symptom(
        "revocation list of .* lacks|certificate",
        gettext_noop("The realm's authority does not issue or revoke: its key, its disk or its clock is wrong."),
    ),
    Symptom(
        "has no copy of|transfer zones",
        gettext_noop("The master does not let the replica transfer the zone, or TCP port 53 is closed between them."),
    ),
    Symptom(
        "has listeners on ports|lacks ",
        gettext_noop("The host is not blank: packages are missing, or another service has the ports of a replica."),
    ),
)
