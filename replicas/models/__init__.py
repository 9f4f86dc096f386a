"""The rows: topology, requests, runs with their logs, bundles, credentials, notices, history."""

from replicas.models.attempts import PasswordAttempt
from replicas.models.audit import AuditCheck, AuditEvent, AuditHead
from replicas.models.bundles import Bundle
from replicas.models.credentials import Credential, CredentialName, KeytabName, PlanCredential, UploadName
from replicas.models.drafts import Draft
from replicas.models.looks import RealmLook
from replicas.models.notices import Delivery, EmailChoice, Notice, Webhook
from replicas.models.policies import ApprovalPolicy, Bypass
from replicas.models.requests import Approval, Plan, Replica
from replicas.models.runs import LogChunk, LogLine, Run, StepRun
from replicas.models.topology import HostKey, Master, Realm

__all__ = [
    "Approval",
    "ApprovalPolicy",
    "AuditCheck",
    "AuditEvent",
    "AuditHead",
    "Bundle",
    "Bypass",
    "Credential",
    "CredentialName",
    "Delivery",
    "Draft",
    "EmailChoice",
    "HostKey",
    "KeytabName",
    "LogChunk",
    "LogLine",
    "Master",
    "Notice",
    "PasswordAttempt",
    "Plan",
    "PlanCredential",
    "Realm",
    "RealmLook",
    "Replica",
    "Run",
    "StepRun",
    "UploadName",
    "Webhook",
]
