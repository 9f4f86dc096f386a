"""The output of FreeIPA 4.9.11's installers, as recorded: shows that the portal understands it."""

from __future__ import annotations

from pathlib import Path

import pytest

from replicas.backends.freeipa import outcome
from replicas.backends.freeipa.installer import Installer
from replicas.backends.freeipa.remarks import Weight, remarks
from replicas.errors import CommandFailed
from replicas.lifecycle.symptoms import recognise

FOLDER = Path(__file__).parent / "recorded"
REPLICA, SERVER = (
    (FOLDER / f"freeipa-4.9.11-{kind}-install.log").read_bytes().decode() for kind in ("replica", "server")
)


def story(text: str, size: int) -> tuple[Installer, list[tuple[str, int, int]], list[int]]:
    """The installer at the end, every (service, number, total), and the seconds of replication, heard in pieces."""
    installer, steps, seconds = Installer(), list[tuple[str, int, int]](), list[int]()
    for start in range(0, len(text), size):
        if installer.hear(text[start : start + size]):
            now = (installer.service, installer.number, installer.total)
            if installer.number and now not in steps:
                steps.append(now)
            if installer.seconds:
                seconds.append(installer.seconds)
    return installer, steps, seconds


def complaints(text: str) -> list[str]:
    return [one.text for one in remarks(text.splitlines()) if one.weight >= Weight.COMPLAINED]


def test_every_numbered_step_of_the_recorded_replica_is_seen() -> None:
    installer, steps, _ = story(REPLICA, 1)
    totals = {service: total for service, _, total in steps}
    assert totals == {
        "directory server (dirsrv)": 3,  # it comes twice, and has 39 steps the first time
        "Kerberos KDC (krb5kdc)": 5,
        "kadmin": 2,
        "the web interface (httpd)": 21,
        "ipa-otpd": 2,
        "ipa-custodia": 4,
        "IPA": 10,
        "SID generation": 7,
    }
    assert [n for service, n, total in steps if (service, total) == ("directory server (dirsrv)", 39)] == list(
        range(1, 40)
    )
    assert sum(1 for _ in steps) == 39 + 3 + 5 + 2 + 21 + 2 + 4 + 10 + 7
    assert installer.replicated
    assert not complaints(REPLICA)


def test_carriage_returns_of_the_recorded_replication_are_seconds() -> None:
    _, _, seconds = story(REPLICA, 1)
    assert seconds == [1, 2]


@pytest.mark.parametrize("size", [7, 64, 4096, 1 << 20])
def test_pieces_of_any_size_end_the_same(size: int) -> None:
    byte_by_byte, _, _ = story(REPLICA, 1)
    whole, _, _ = story(REPLICA, size)
    assert (whole.service, whole.number, whole.total, whole.step) == (
        byte_by_byte.service,
        byte_by_byte.number,
        byte_by_byte.total,
        byte_by_byte.step,
    )
    assert list(whole.lines) == list(byte_by_byte.lines)


def test_the_recorded_server_has_no_error_either() -> None:
    _, steps, _ = story(SERVER, 50)
    assert steps
    assert not complaints(SERVER)


def test_whoever_takes_over_in_the_middle_knows_the_next_step() -> None:
    installer = Installer()
    assert installer.hear(REPLICA[REPLICA.index("  [26/39]") : REPLICA.index("\rUpdate in progress, 1")])
    assert (installer.number, installer.total, installer.seconds) == (26, 39, 0)


def test_a_line_that_is_being_rewritten_is_progress_before_it_ends() -> None:
    installer = Installer()
    installer.hear(REPLICA[: REPLICA.index("\rUpdate in progress, 1")])
    assert installer.see("Update in progress, 61 seconds elapsed")
    at = "steps, directory server (dirsrv): setting up initial replication"
    assert installer.progress == (26, 39, f"{at}, 61 s of initialization")
    assert not installer.see("Update in progress, 6")
    assert not installer.see("  [27/39]: a step that only seems to be one")
    installer.hear(
        "\rUpdate in progress, 61 seconds elapsed\rUpdate in progress, 62 seconds elapsed\nUpdate succeeded\n"
    )
    assert installer.progress == (26, 39, at)


# The texts are the installers' own, in the lines that they make of them.
ERRORS = [
    ("  [error] RuntimeError: Failed to start replication\n", "RuntimeError: Failed to start replication"),
    (
        "[ldap://ipaserver.example.com:389] reports: Update failed! Status: [-1  - LDAP error: Can't contact "
        "LDAP server]\n  [error] RuntimeError: Failed to start replication\n",
        "Update failed! Status: [-1  - LDAP error: Can't contact LDAP server]",
    ),
    ("ipapython.admintool: ERROR    Insufficient privileges to promote the server.\n", "Insufficient privileges"),
    ("Less than the minimum 1.2GB of RAM is available\nThe ipa-replica-install command failed.\n", "Less than"),
    (
        "  [10/10]: starting directory server\nDone.\nRestarting the KDC\n[Errno 2] No such file or directory: '/x'\n"
        "The ipa-replica-install command failed. See /var/log/ipareplica-install.log for more information\n"
        "Your system may be partly configured.\nRun /usr/sbin/ipa-server-install --uninstall to clean up.\n",
        "[Errno 2] No such file or directory: '/x'",
    ),
    ("", "it said nothing"),
]


@pytest.mark.parametrize(("text", "why"), ERRORS)
def test_the_error_that_ended_it_is_the_reason(text: str, why: str) -> None:
    installer = Installer()
    installer.hear(text)
    assert installer.failure.startswith(why)


REPLICA_INSTALL, CLIENT_INSTALL = "ipa-replica-install", "ipa-client-install"


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        (REPLICA_INSTALL, 1, "failed on the way"),
        (REPLICA_INSTALL, 2, "an option that it does not take"),
        (REPLICA_INSTALL, 3, "refused before it began"),
        (REPLICA_INSTALL, 4, "lacks the CA or the KRA"),
        (REPLICA_INSTALL, 9, "gives this status no meaning"),
        (CLIENT_INSTALL, 1, "took back what it could"),
        (CLIENT_INSTALL, 2, "no client that is set up"),
        (CLIENT_INSTALL, 3, "is a client of a realm already"),
        (CLIENT_INSTALL, 4, "failed after that"),
        (CLIENT_INSTALL, 5, "gives this status no meaning"),
        ("ipa-dns-install", 1, "failed on the way"),
        ("ipa-dns-install", 2, "no server that is set up"),
        ("ipa-dns-install", 3, "gives this status no meaning"),
        ("ipa-ca-install", 2, "an option that it does not take"),
        ("ipa-ca-install", 4, "gives this status no meaning"),
        ("ipa-kra-install", 2, "no server that is set up"),
        ("ipa-kra-install", 3, "gives this status no meaning"),
    ],
)
def test_exit_statuses_are_told_apart(program: str, status: int, words: str) -> None:
    installer = Installer()
    installer.hear("Configuring ipa-otpd\n  [1/2]: starting ipa-otpd \n  [error] OSError: no\n")
    error = outcome.explain(program, "r.example.com", status, installer)
    assert f"status {status}: " in error.message
    assert words in error.message
    assert "at «starting ipa-otpd» (ipa-otpd)" in error.message
    assert error.message.endswith("OSError: no")
    assert not error.retryable
    assert recognise(error.message, outcome.KNOWN) is None  # what a status means is no symptom


def test_a_step_that_is_done_is_not_where_it_failed() -> None:
    installer = Installer()
    installer.hear("Upgrading IPA:. Estimated time: 1 minute 30 seconds\n  [1/1]: starting directory server\nDone.\n")
    assert "«" not in outcome.explain("ipa-replica-install", "r.example.com", 1, installer).message


def test_a_signal_is_what_a_host_that_goes_down_sends() -> None:
    with pytest.raises(CommandFailed, match="ended by signal 15") as caught:
        outcome.explain("ipa-replica-install", "r.example.com", 143, Installer())
    assert caught.value.retryable
