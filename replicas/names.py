"""What the admin calls models and fields; said here, for in the models each name would ask for a migration."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

MODELS = {
    "approval": (_("approval"), _("approvals")),
    "approvalpolicy": (_("approval policy"), _("approval policies")),
    "auditcheck": (_("verification of the history"), _("verifications of the history")),
    "auditevent": (_("event of the history"), _("events of the history")),
    "audithead": (_("end of the history"), _("ends of the history")),
    "bundle": (_("bundle"), _("bundles")),
    "bypass": (_("run without approval"), _("runs without approval")),
    "credential": (_("stored password"), _("stored passwords")),
    "delivery": (_("delivery"), _("deliveries")),
    "draft": (_("request that is not submitted"), _("requests that are not submitted")),
    "emailchoice": (_("e-mail choice"), _("e-mail choices")),
    "hostkey": (_("host key"), _("host keys")),
    "logchunk": (_("compressed part of a log"), _("compressed parts of logs")),
    "logline": (_("log line"), _("log lines")),
    "master": (_("master"), _("masters")),
    "notice": (_("notice"), _("notices")),
    "passwordattempt": (_("password attempt"), _("password attempts")),
    "plan": (_("plan"), _("plans")),
    "plancredential": (_("password for one run"), _("passwords for one run")),
    "realm": (_("realm"), _("realms")),
    "realmlook": (_("look at a realm"), _("looks at realms")),
    "replica": (_("replica"), _("replicas")),
    "run": (_("run"), _("runs")),
    "steprun": (_("step of a run"), _("steps of runs")),
    "webhook": (_("webhook"), _("webhooks")),
}
FIELDS = (
    _("ID"), _("SHA-256"), _("accepted at"), _("accepted by"), _("account"), _("act"), _("action"), _("actor"),
    _("after"),
    _("approver"), _("asked at"), _("at"), _("attempt"), _("attempts"), _("backend"), _("before"), _("body"), _("by"),
    _("cancel now"), _("cancel requested by"), _("changed at"), _("changed by"), _("check asked at"),
    _("checked at"), _("checkpoints"), _("ciphertext"), _("compared"),
    _("content"), _("created at"), _("data key"), _("decided at"), _("decision"), _("digest"),
    _("dns"), _("done at"), _("due at"), _("error"), _("event"), _("events"), _("expires at"), _("facts"),
    _("failing line"), _("findings"), _("finished at"), _("first seq"), _("health"), _("held until"), _("index"),
    _("job"), _("key id"), _("key"), _("kind"), _("last id"), _("last seq"), _("lease until"), _("level"), _("name"),
    _("notice"), _("object id"), _("offers"), _("offsets"), _("plan"), _("previous"), _("problem"), _("progress done"),
    _("progress total"), _("progress unit"), _("proved at"), _("read at"), _("realm"), _("reason"), _("recipient"),
    _("registered by"), _("remedy"), _("replica"), _("requested by"), _("requester"), _("review"),
    _("reviewed at"), _("reviewed by"), _("run"), _("sealed at"), _("seconds"), _("seq"), _("set at"), _("set by"),
    _("stage"), _("started at"), _("state"), _("steps"), _("submitted despite"), _("summary"), _("table"),
    _("text"), _("title"), _("unproved"), _("used at"), _("user"), _("verified at"), _("versions"), _("webhook"),
    _("wrong"),
)  # fmt: skip
"""What Django makes of the names of those fields that are given no other."""


def translate(models: Iterable[type[Model]]) -> None:
    """Name them in the reader's language from now on."""
    for model in models:
        one, many = MODELS[model._meta.model_name or ""]
        model._meta.verbose_name, model._meta.verbose_name_plural = gettext_lazy(one), gettext_lazy(many)
        for field in model._meta.local_fields:
            if not isinstance(field.verbose_name, Promise):
                field.verbose_name = gettext_lazy("ID" if field.primary_key else str(field.verbose_name))
