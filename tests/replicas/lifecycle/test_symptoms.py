"""What failures say is recognised: each symptom by an error as the portal words it."""

from __future__ import annotations

import pytest

from replicas.backends.native.symptoms import SYMPTOMS
from replicas.errors import CommandFailed
from replicas.lifecycle.symptoms import Symptom, recognise, tables
from replicas.views.remedies import PAGES
from replicas.views.replica_acts import ACTS

TABLES = tables(SYMPTOMS)
ERRORS = {
    "The SSH host key of b.example.com is not the pinned one: pinned SHA256:a, presented SHA256:b.": "reinstalled",
    "b.example.com (192.0.2.1) does not accept the portal's SSH key for root.": "authorized_keys",
    "The admin password of EXAMPLE.COM is not stored, and was not given for this run.": "wiped",
    "a.example.com does not accept the password of cn=Directory Manager.": "mistyped",
    "Port check failed! Inaccessible port(s): 88 (UDP).": "firewall",
    "These DNS records are not served: ns1 does not serve «_ldap._tcp.example.com. 3600 IN SRV x»": "transferred",
    "The name server 192.0.2.10 does not answer: timed out.": "port 53",
    "a.example.com cannot resolve b.example.com: the name was not found in DNS.": "most frequent",
    "/var/lib/ipa/replica-info-b.gpg expired at 2026-01-01 00:00:00 UTC, before it was opened on its host.": "one time",
    "The clocks of a.example.com and b.example.com differ by 400 s.": "chrony",
    "Only 12 MiB are free for /var on b.example.com; 500 are needed.": "full",
    "krb5-kdc does not start on c.example.com: no. No space is left in /var on c.example.com.": "full",
    "The directory on d cannot be reached: refused. Hardly any space is left in /var (99 MiB) on d.": "full",
    CommandFailed("b", "dsctl", -9, "").message: "memory",
    "b.example.com already exists on a.example.com: cn=b.example.com,cn=masters.": "may be in service",
    "b.example.com was not fully removed; still present: certificate 1F is valid.": "found parts of the replica",
    "The directory on a.example.com (192.0.2.10) cannot be reached over TLS: refused.": "down",
    "A defect of the portal stopped the run (KeyError).": "should not happen",
    "[a.example.com] reports: Update failed! Status: [-1 - LDAP error]": "total update",
    "The Directory Server instance cannot be made: no.": "dscreate",
    "krb5-kdc does not start on b.example.com: failed": "journal",
    "After 60 s the replica id 7 is still in the update vector of c.example.com.": "until it is back",
    "Replication from a.example.com to b.example.com has stopped: Error (19)": "sends everything again",
    "A change did not reach b.example.com within 30 s.": "stands still",
    "The revocation list of a.example.com lacks the certificates 17.": "authority",
    "b.example.com has no copy of example.com after 30 s.": "transfer the zone",
    "b.example.com has listeners on ports that the installation needs: httpd on [::]:80/tcp.": "not blank",
}


@pytest.mark.parametrize(("error", "meaning"), ERRORS.items())
def test_an_error_is_recognised(error: str, meaning: str) -> None:
    found = recognise(error, TABLES)
    assert found is not None
    assert meaning in found.meaning


def test_every_symptom_is_shown_by_some_error() -> None:
    shown = {recognise(error, TABLES) for error in ERRORS}
    assert shown == set(TABLES)


@pytest.mark.parametrize("symptom", TABLES, ids=lambda symptom: symptom.signs)
def test_its_buttons_exist(symptom: Symptom) -> None:
    assert symptom.acts
    assert set(symptom.acts) <= {*ACTS, *PAGES}


def test_nothing_is_made_up() -> None:
    assert recognise("Stopped by operator.", TABLES) is None
