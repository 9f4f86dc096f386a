"""Roles, states, allowed transitions and named subsets."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """Django groups, made by a migration."""

    VIEWER = "viewer", _("Viewer")
    OPERATOR = "operator", _("Operator")
    APPROVER = "approver", _("Approver")
    ADMINISTRATOR = "administrator", _("Administrator")


class Comparison(models.TextChoices):
    """How a person compared the fingerprint of a host's key before it was accepted."""

    TYPED = "typed", _("entered as read on the host's console")
    CONFIRMED = "confirmed", _("confirmed beside the fingerprint that the page showed")


class PlanAction(models.TextChoices):
    """What a plan does to its replica."""

    INSTALL = "install", _("Install replica")
    DNS = "dns", _("Set up DNS service")
    RECORDS = "records", _("Add missing DNS records")
    CA = "ca", _("Set up certificate authority")
    KRA = "kra", _("Set up key recovery authority")
    HIDE = "hide", _("Hide replica")
    UNHIDE = "unhide", _("Announce replica again")
    REINITIALIZE = "reinit", _("Re-initialize replica")
    SEGMENT = "segment", _("Add agreement")
    UNDO = "undo", _("Undo installation")
    REMOVE = "remove", _("Remove replica")
    REVOKE = "revoke", _("Revoke bundle")


PLANS_OF_REMOVAL = (PlanAction.UNDO, PlanAction.REMOVE)
"""What takes a replica back to a blank host."""


class ReplicaState(models.TextChoices):
    """A replica's life, as far as the portal drives it."""

    REQUESTED = "requested", _("Awaiting approval")
    APPROVED = "approved", _("Approved")
    RUNNING = "running", _("Installing")
    VERIFIED = "verified", _("Verified")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    REMOVING = "removing", _("Being removed")
    REMOVED = "removed", _("Removed")


REPLICA_UNFINISHED = (ReplicaState.FAILED, ReplicaState.STOPPED)
"""An installation, an undo or a removal ended halfway: by a failure, or because a user stopped it."""
REPLICA_ENDED = (ReplicaState.REJECTED, ReplicaState.CANCELLED, ReplicaState.REMOVED)
"""Here the hostname is free again for another request."""


class PlanState(models.TextChoices):
    """Where a plan stands with its approvers."""

    WAITING = "waiting", _("Awaiting approval")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    VOID = "void", _("Void")


class Decision(models.TextChoices):
    """What an approver decided."""

    APPROVE = "approve", _("Approved")
    REJECT = "reject", _("Rejected")


class RunState(models.TextChoices):
    """One execution of a plan."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


class RealmLevel(models.IntegerChoices):
    """What a look at a realm found: the higher, the more it needs care."""

    WELL = 0, _("well")
    UNKNOWN = 1, _("not looked at")
    SOON = 2, _("look soon")
    BAD = 3, _("needs care")


RUN_ACTIVE = (RunState.QUEUED, RunState.RUNNING)
RUN_TERMINAL = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class StepState(models.TextChoices):
    """One step of a run."""

    PENDING = "pending", _("Pending")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


class BundleState(models.TextChoices):
    """A replica information file from sealing to its end."""

    SEALED = "sealed", _("Sealed")
    USED = "used", _("Used")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")


class ForwardPolicy(models.TextChoices):
    """BIND's `forward` statement."""

    FIRST = "first", _("first: ask the forwarders, then resolve")
    ONLY = "only", _("only: ask nobody but the forwarders")


class DnsPolicy(models.TextChoices):
    """What a name server with DNS over TLS does without it."""

    RELAXED = "relaxed", _("relaxed: fall back to plain DNS")
    ENFORCED = "enforced", _("enforced: refuse plain DNS")


class NoticeKind(models.TextChoices):
    """What somebody is told."""

    WAITING = "waiting", _("Waits for your decision")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    BYPASSED = "bypassed", _("Run without your approval")
    VOID = "void", _("Void")


class WebhookFormat(models.TextChoices):
    """What a webhook is sent."""

    SIGNED = "signed", _("Signed JSON (Standard Webhooks)")
    SLACK = "slack", "Slack"
    MATTERMOST = "mattermost", "Mattermost"
    TEAMS = "teams", "Microsoft Teams"


class EmailWish(models.TextChoices):
    """Which notices also come by e-mail."""

    ALL = "all", _("Everything")
    IMPORTANT = "important", _("What waits for me, and what went wrong")
    NONE = "none", _("Nothing")


EMAILED: dict[str, tuple[str, ...]] = {
    EmailWish.ALL: tuple(NoticeKind.values),
    EmailWish.IMPORTANT: (NoticeKind.WAITING, NoticeKind.FAILED, NoticeKind.BYPASSED),
    EmailWish.NONE: (),
}
"""The kinds of notices that each wish lets through."""


class DeliveryState(models.TextChoices):
    """One e-mail or one call of a webhook."""

    WAITING = "waiting", _("On its way")
    SENT = "sent", _("Delivered")
    GIVEN_UP = "given_up", _("Given up")
