"""What suppliers say of their last update; the sentences are those of 389 Directory Server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replicas.clients import agreement_status
from replicas.clients.replication import agreement

ACQUIRED = "Replica acquired successfully"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "fine"),
        (f"Error (0) {ACQUIRED}: Incremental update succeeded", "fine"),
        (f"Error (0) {ACQUIRED}: Incremental update started", "fine"),
        (f"Error (0) {ACQUIRED}: Incremental update succeeded and yielded", "fine"),
        (f"Error (0) {ACQUIRED}: Protocol stopped", "fine"),
        (f"Error (0) {ACQUIRED}: agreement disabled", "fine"),
        ("Error (0) No replication sessions started since server startup", "fine"),
        (f"0 {ACQUIRED}: Incremental update succeeded", "fine"),
        ("Error (0) Unable to obtain current CSN. Replication is aborting.", "broken"),
        ("Error (1) Can't acquire busy replica (Unable to acquire replica: the replica is currently ...)", "retrying"),
        ("1 Can't acquire busy replica", "retrying"),
        ("Error (14) Unable to acquire replica: the replica instructed us to go into backoff mode.", "retrying"),
        ("Error (18) Replication error acquiring replica: Incremental update transient error.", "retrying"),
        ("Error (3) Replication error acquiring replica: permission denied. Will retry later.", "failing"),
        (
            "Error (16) Replication error acquiring replica: Unable to receive the response. Will retry later.",
            "failing",
        ),
        ("Error (17) Incremental update timeout error.  Backing off, will retry update later.", "failing"),
        ("Error (-1) Problem connecting to replica - LDAP error: Can't contact LDAP server (error)", "failing"),
        ("Error (-11) Problem connecting to replica - LDAP error: Connect error (connection error)", "failing"),
        ("Error (-2) Problem connecting to replica - LDAP error: Local error (connection error)", "failing"),
        ("-1 Incremental update has failed and requires administrator action - System error", "failing"),
        ("Error (91) Problem connecting to replica - LDAP error: Connect error", "failing"),
        ("Error (51) Problem connecting to replica - LDAP error: Server is busy (connection error)", "retrying"),
        ("Error (49) Problem connecting to replica - LDAP error: Invalid credentials (connection error)", "broken"),
        ("Error (2) fatal error - too much time skew between replicas", "broken"),
        ("Error (6) Unable to acquire replica: there is no replicated area. Replication is aborting.", "broken"),
        ("Error (15) Data required to update replica has been purged. The replica must be reinitialized.", "broken"),
        ("Error (19) Replication error acquiring replica: Replica has different database generation ID", "broken"),
        ("What nobody has seen before", "broken"),
    ],
)
def test_by_its_sentence(text: str, kind: str) -> None:
    found = agreement_status.read(text)
    assert found.kind == kind
    assert found.text == ("" if kind == "fine" else text)


def structured(state: str, ldap: int, replication: int, message: str) -> str:
    known = {"state": state, "ldap_rc": str(ldap), "repl_rc": str(replication), "date": "2026-11-30T19:32:47Z"}
    return json.dumps(known | {"message": message})


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (("green", 0, 0, f"Error (0) {ACQUIRED}: Incremental update succeeded"), "fine"),
        (("amber", 0, 1, "Error (1) Can't acquire busy replica"), "retrying"),
        (("red", 0, 19, "Error (19) Replication error acquiring replica"), "broken"),
        (("red", -1, 0, "Error (-1) Problem connecting to replica - LDAP error: Can't contact LDAP server"), "failing"),
        (
            ("red", -1, 16, "Error (-1) Problem connecting to replica - LDAP error: Can't contact LDAP server"),
            "failing",
        ),
        (("amber", 0, 99, "Error (99) What a later release says"), "retrying"),
    ],
)
def test_by_its_codes_where_the_server_has_them(known: tuple[Any, ...], kind: str) -> None:
    found = agreement_status.read(known[-1], structured(*known))
    assert (found.kind, found.tried) == (kind, "2026-11-30T19:32:47Z")


@pytest.mark.parametrize("junk", ["", "{", "[1]", '{"state": "amber"}', '{"ldap_rc": "x", "repl_rc": "0"}'])
def test_what_is_no_json_leaves_the_sentence(junk: str) -> None:
    assert agreement_status.read("Error (1) Can't acquire busy replica", junk).kind == "retrying"


def test_an_agreement_is_read_from_its_entry() -> None:
    entry = {
        "nsds5ReplicaEnabled": ["off"],
        "nsds5replicaLastUpdateStatus": [f"Error (0) {ACQUIRED}: agreement disabled"],
        "nsds5replicaLastUpdateEnd": ["20261130193500Z"],
        "nsds5replicaUpdateInProgress": ["FALSE"],
        "nsds5BeginReplicaRefresh": ["stop"],
        "nsds5replicaLastUpdateStart": ["20261130193459Z"],
        "nsds5replicaChangesSentSinceStartup": ["1:421/0 0:26/3 "],
    }
    found = agreement(entry)
    assert (found.enabled, found.updating, found.initializing, found.ended) == (False, False, False, 1796067300)
    assert (found.begun, found.sent) == (1796067299, {1: 421, 0: 26})
    assert not found.rests
    assert agreement({"nsds5replicaLastUpdateEnd": ["19700101000000Z"]}).ended == 0
    assert agreement({"nsds5BeginReplicaRefresh": ["start"]}).initializing
