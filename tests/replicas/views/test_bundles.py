"""Bundles expire by the sweep, once, and only those that nobody opened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from replicas.choices import BundleState
from replicas.lifecycle import bundles
from replicas.lifecycle.steps import sealed
from replicas.models import AuditEvent, Bundle, Run
from tests.replicas.views.conftest import World

pytestmark = pytest.mark.django_db


def test_expiry_spares_what_is_open_and_what_has_time_left(world: World) -> None:
    past = timezone.now() - timedelta(seconds=1)
    bundle = Bundle.objects.latest("pk")
    Bundle.objects.exclude(pk=bundle.pk).update(state=BundleState.USED)
    Bundle.objects.filter(pk=bundle.pk).update(state=BundleState.SEALED, expires_at=timezone.now() + timedelta(hours=1))
    assert bundles.expire() == 0
    Bundle.objects.filter(pk=bundle.pk).update(expires_at=past)
    facts = {sealed.SHA256: bundle.sha256, sealed.OPENED: bundle.sha256}
    Run.objects.filter(pk=bundle.run_id).update(facts=facts)
    assert bundles.expire() == 0
    Run.objects.filter(pk=bundle.run_id).update(facts={})
    assert bundles.expire() == 1
    assert bundles.expire() == 0
    assert AuditEvent.objects.filter(verb="bundle:expire", object_id=str(bundle.pk)).count() == 1


def test_revoking_without_a_reason_is_told_at_the_field(world: World) -> None:
    bundle = Bundle.objects.latest("pk")
    Bundle.objects.filter(pk=bundle.pk).update(state=BundleState.SEALED)
    url = reverse("bundle_revoke", args=[bundle.replica_id, bundle.pk])
    answer = world.client("administrator").post(url, {"reason": ""})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f'id="error_1_id_bundle-{bundle.pk}_reason"' in page
    bundle.refresh_from_db()
    assert bundle.state == BundleState.SEALED


def test_the_list_tells_how_much_time_a_sealed_bundle_has_left(world: World) -> None:
    bundle = Bundle.objects.latest("pk")
    url = reverse("bundles") + f"?hostname={bundle.replica.hostname}"
    for state, told in ((BundleState.SEALED, True), (BundleState.USED, False)):
        expires = timezone.now() + timedelta(hours=5, minutes=1)
        Bundle.objects.filter(replica=bundle.replica).update(state=state, expires_at=expires)
        assert ("5\xa0hours left" in world.client("viewer").get(url).content.decode()) == told
