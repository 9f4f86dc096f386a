"""Addresses of the pages."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path

from replicas.models import Master, Replica
from replicas.views import (
    bulk,
    bundles,
    change_master,
    dashboard,
    drafts,
    history,
    host_keys,
    languages,
    login,
    masters,
    notices,
    plans,
    policies,
    realm_records,
    realms,
    register,
    replicas,
    requests,
    runs,
    tables,
    webhooks,
)

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("login/", login.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", login_not_required(languages.set_language), name="set_language"),
    path("masters/", masters.masters, name="masters"),
    path("masters/register/", register.master_register, name="master_register"),
    path("masters/<int:pk>/", masters.master, name="master"),
    path("masters/<int:pk>/passwords/", masters.master_credentials, name="master_credentials"),
    path("masters/<int:pk>/change/", change_master.master_change, name="master_change"),
    path("masters/<int:pk>/policy/", policies.policy, name="policy"),
    path("masters/<int:pk>/host-key/", host_keys.host_key, {"kind": Master}, name="master_host_key"),
    path("replicas/", replicas.replicas, name="replicas"),
    path("replicas/request/", requests.replica_request, name="replica_request"),
    path("replicas/bulk/", bulk.replica_bulk, name="replica_bulk"),
    path("replicas/bulk/example.csv", bulk.replica_bulk_example, name="replica_bulk_example"),
    path("replicas/<int:pk>/", replicas.replica, name="replica"),
    path("replicas/<int:pk>/host-key/", host_keys.host_key, {"kind": Replica}, name="replica_host_key"),
    path("replicas/<int:pk>/bundles/<int:bundle>/revoke/", replicas.bundle_revoke, name="bundle_revoke"),
    path("replicas/<int:pk>/<slug:name>/", replicas.replica_act, name="replica_act"),
    path("approvals/", plans.approvals, name="approvals"),
    path("plans/<int:pk>/", plans.plan, name="plan"),
    path("plans/<int:pk>/approve/", plans.approve, name="approve"),
    path("plans/<int:pk>/check/", plans.plan_check, name="plan_check"),
    path("plans/<int:pk>/reject/", plans.reject, name="reject"),
    path("plans/<int:pk>/run-without-approval/", policies.break_glass, name="break_glass"),
    path("realms/", realms.realms, name="realms"),
    path("realms/<int:pk>/", realms.realm, name="realm"),
    path("realms/<int:pk>/dns/", realms.realm_dns, name="realm_dns"),
    path("realms/<int:pk>/dns/add/", realm_records.realm_records, name="realm_records"),
    path("realms/<int:pk>/look/", realms.realm_look, name="realm_look"),
    path("requests/<int:pk>/", drafts.draft, name="draft"),
    path("requests/<int:pk>/submit/", drafts.draft_submit, name="draft_submit"),
    path("requests/<int:pk>/discard/", drafts.draft_discard, name="draft_discard"),
    path("requests/<int:pk>/check/", drafts.draft_check, name="draft_check"),
    path("requests/tables/<uuid:table>/", tables.table, name="table"),
    path("requests/tables/<uuid:table>/submit/", tables.table_submit, name="table_submit"),
    path("requests/tables/<uuid:table>/discard/", tables.table_discard, name="table_discard"),
    path("requests/tables/<uuid:table>/check/", tables.table_check, name="table_check"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/review/", policies.review, name="review"),
    path("runs/<int:pk>/start-now/", policies.start_now, name="start_now"),
    path("runs/<int:pk>/lines", runs.run_lines, name="run_lines"),
    path("runs/<int:pk>/find", runs.run_find, name="run_find"),
    path("runs/<int:pk>/log.txt", runs.run_log, name="run_log"),
    path("bundles/", bundles.bundles, name="bundles"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.notices_read, name="notices_read"),
    path("notices/email/", notices.notices_email, name="notices_email"),
    path("notices/<int:pk>/", notices.notice, name="notice"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/<slug:name>/", webhooks.webhook_act, name="webhook_act"),
    path("history/", history.history, name="history"),
    path("history/verify/", history.history_verify, name="history_verify"),
    path("history/events.<str:form>", history.history_export, name="history_export"),
    path("history/<slug:kind>/<str:object_id>/", history.timeline, name="timeline"),
    path("admin/login/", login_not_required(login.admin_login), name="admin_login"),
    path("admin/", admin.site.urls),
]

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler500 = "portal.errors.server_error"
