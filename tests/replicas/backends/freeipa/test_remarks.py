"""What installers of FreeIPA say when they refuse or fail, from their output to what people read of it.

The texts are FreeIPA 4.9's to 4.12's own, in the order in which they arrive: errors at once, and what is merely printed
often last, as a program that writes to a file keeps that back.
"""

from __future__ import annotations

import pytest

from replicas.backends.freeipa import outcome, remarks
from replicas.backends.freeipa.installer import Installer
from replicas.errors import CommandFailed
from replicas.lifecycle.symptoms import recognise
from replicas.stream.redaction import MASK, Redactor

PROMOTE, ENROL, DNS, CA, KRA = (f"ipa-{kind}-install" for kind in ("replica", "client", "dns", "ca", "kra"))
SEE = "See /var/log/ipareplica-install.log for more information"
GAVE_UP = f"The ipa-replica-install command failed. {SEE}\n"
PARTLY = "Your system may be partly configured.\nRun /usr/sbin/ipa-server-install --uninstall to clean up.\n\n"
REVERSE = (
    "Reverse DNS resolution of address 10.77.0.12 (r.example.com) failed. Clients may not function properly. Please "
    "check your DNS setup. (Note that this check queries IPA DNS directly and ignores /etc/hosts.)\n"
)
IGNORED = (
    "IPA client is already configured on this system, ignoring the --domain, --server, --realm, --hostname, --password "
    "and --keytab options.\n"
)
PRIVILEGES = (
    "\nInsufficient privileges to promote the server.\nPossible issues:\n- A host has been re-enrolled\n- This client "
    "has insufficient privileges to become an IPA replica\n"
)
AGREEMENT = (
    "A replication agreement for this host already exists. It needs to be removed.\nRun this command:\n"
    "    %% ipa server-del r.example.com --force\n"
)
HOST = (
    "The host r.example.com already exists on the master server.\nYou should remove it before proceeding:\n"
    "    %% ipa host-del r.example.com\n"
)
SERVER = (
    "IPA server is already configured on this system.\nIf you want to reinstall the IPA server, please uninstall it "
    "first using 'ipa-server-install --uninstall'.\n"
)
CLIENT = (
    "IPA client is already configured on this system.\nIf you want to reinstall the IPA client, uninstall it first "
    "using 'ipa-client-install --uninstall'.\nThe ipa-client-install command failed. See "
    "/var/log/ipaclient-install.log for more information\n"
)
NO_KRA = "There is no active KRA server in the domain, can't setup a KRA clone\n"
JOINING = (
    "Client hostname: r.example.com\nRealm: EXAMPLE.COM\nDNS Domain: example.com\nIPA Server: m.example.com\n"
    "BaseDN: dc=example,dc=com\n\nSkipping chrony configuration\n"
    "Successfully retrieved CA cert\n    Subject:     CN=CA\n    Issuer:      CN=CA\n\n"
)
ROLLED_BACK = (
    "Installation failed. Rolling back changes.\nDisabling client Kerberos and LDAP configurations\n"
    "nscd daemon is not installed, skip configuration\nClient uninstall complete.\n"
)
CLIENT_GAVE_UP = (
    "The ipa-client-install command failed. See /var/log/ipaclient-install.log for more information\n"
    "This program will set up IPA client.\nVersion 4.12.4\n\n"
)
SPAWNING = (
    "Configuring certificate server (pki-tomcatd). Estimated time: 3 minutes\n"
    "  [1/29]: creating certificate server db\n  [2/29]: configuring certificate server instance\n"
)
INSTANCE = (
    "Failed to configure CA instance\nSee the installation logs and the following files/directories for more "
    "information:\n  /var/log/pki/pki-tomcat\n  [error] RuntimeError: CA configuration failed.\n"
)
OVERLAP = "DNS zone 2.0.192.in-addr.arpa. already exists in DNS and is handled by server(s): ns.example.org.\n"
BANNER = (
    "\nThe log file for this installation can be found in /var/log/ipaserver-dns-install.log\n"
    "==============================================================================\n"
    "This program will setup DNS for the IPA Server.\n\nThis includes:\n  * Configure DNS (bind)\n"
    "NOTE: DNSSEC zone signing is not enabled by default\n\n"
    "To accept the default shown in brackets, press the Enter key.\n"
)
RESERVED = (
    "Usage: ipa-replica-install [options]\n\nipa-replica-install: error: option --ip-address: invalid IP address "
    "240.0.0.1: cannot use IANA reserved IP address 240.0.0.1\n"
)
PORTS = (
    "Remote master check failed with following error message(s):\nPort check failed! Inaccessible port(s): 389 (TCP)\n"
)
REMOTE = (
    "Remote master check failed with following error message(s):\nipa-replica-conncheck returned non-zero exit code\n"
)

# Program, status, output, how what is quoted begins and ends, and a piece of what it means.
STORIES = {
    "privileges": (PROMOTE, 1, PRIVILEGES + GAVE_UP + PARTLY, "Insufficient", "become an IPA replica", "ipaservers"),
    "printed before": (
        PROMOTE,
        1,
        PARTLY + PRIVILEGES + GAVE_UP,
        "Insufficient",
        "become an IPA replica",
        "ipaservers",
    ),
    "agreement": (
        PROMOTE,
        3,
        REVERSE + AGREEMENT + GAVE_UP + PARTLY,
        "A replication",
        "--force",
        "earlier installation",
    ),
    "host": (PROMOTE, 3, HOST + GAVE_UP, "The host r", "host-del r.example.com", "earlier installation"),
    "server": (PROMOTE, 1, SERVER + GAVE_UP + PARTLY, "IPA server", "--uninstall'.", "a server of a realm"),
    "no KRA": (PROMOTE, 3, REVERSE + NO_KRA + GAVE_UP + IGNORED, "There is no", "KRA clone", "KRA that runs"),
    "reserved": (PROMOTE, 2, RESERVED, "ipa-replica-install: error", "address 240.0.0.1", "a range that is reserved"),
    "ports": (PROMOTE, 1, PORTS + GAVE_UP, "Remote master", "389 (TCP)", "A firewall"),
    "remote check": (PROMOTE, 1, REMOTE + GAVE_UP, "Remote master", "exit code", "oddjobd"),
    "prefix": (
        PROMOTE,
        1,
        f"ipapython.admintool: ERROR    {PRIVILEGES}ipapython.admintool: ERROR    {GAVE_UP}",
        "Insufficient",
        "become an IPA replica",
        "ipaservers",
    ),
    "a step after a warning": (
        PROMOTE,
        1,
        f"ERROR: {REVERSE}{SPAWNING}  [error] NotFound: wait_for_entry timeout\nwait_for_entry timeout\n{GAVE_UP}",
        "NotFound: wait_for_entry",
        "timeout",
        "slow or does not answer",
    ),
    "the last of several": (
        PROMOTE,
        1,
        f"ERROR: something else\nERROR: Timed out trying to obtain keys\nipapython.admintool: ERROR    {GAVE_UP}",
        "Timed out",
        "obtain keys",
        "custodia",
    ),
    "joined": (
        ENROL,
        1,
        f"{JOINING}Joining realm failed: HTTP response: Can't contact LDAP server\n{ROLLED_BACK}{CLIENT_GAVE_UP}",
        "Joining realm failed",
        "LDAP server",
        "port 389",
    ),
    "signed in": (
        ENROL,
        1,
        f"{JOINING}{ROLLED_BACK}Kerberos authentication failed: kinit: Clock skew too great while getting initial "
        f"credentials\n\n{CLIENT_GAVE_UP}",
        "Kerberos authentication",
        "credentials",
        "five minutes",
    ),
    "client": (ENROL, 3, CLIENT, "IPA client", "--uninstall'.", "enrolled in a realm"),
    "spawned": (
        CA,
        1,
        f"{SPAWNING}{INSTANCE}{PARTLY}CA configuration failed.\n",
        "RuntimeError",
        "failed.",
        "copy of the",
    ),
    "overlap": (DNS, 1, OVERLAP + BANNER, "DNS zone 2", "ns.example.org.", "Another name server"),
    "password": (
        KRA,
        1,
        "Directory Manager password is invalid\nThe ipa-kra-install command failed. See "
        "/var/log/ipaserver-kra-install.log for more information\n",
        "Directory Manager",
        "is invalid",
        "Directory Manager password",
    ),
}


def heard(text: str, size: int) -> Installer:
    installer = Installer()
    for start in range(0, len(text), size):
        installer.hear(text[start : start + size])
    return installer


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("size", [1, 2, 7, 61, 1 << 20])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_refusal_is_quoted_whole_and_recognised(
    story: tuple[str, int, str, str, str, str], size: int, ends: str
) -> None:
    program, status, text, begins, closes, meaning = story
    installer = heard(text.replace("\n", ends), size)
    assert installer.failure.startswith(begins)
    assert installer.failure.endswith(closes)
    message = outcome.explain(program, "r.example.com", status, installer).message
    assert message.endswith(installer.failure)
    found = recognise(message, outcome.KNOWN)
    assert found is not None
    assert meaning in found.meaning


def test_what_shows_a_symptom_is_quoted_beside_a_reason_that_shows_none() -> None:
    installer = heard(f"{SPAWNING}Unable to retrieve CA chain: 404\n  [error] RuntimeError: no\n{GAVE_UP}", 5)
    message = outcome.explain(PROMOTE, "r.example.com", 1, installer).message
    assert message.endswith("RuntimeError: no It also said: Unable to retrieve CA chain: 404")
    found = recognise(message, outcome.KNOWN)
    assert found is not None
    assert "copy of the authority" in found.meaning


def test_what_an_installer_went_on_from_is_not_blamed() -> None:
    installer = heard(f"{REVERSE}WARNING: DNSSEC validation will be disabled\nno such thing\n{GAVE_UP}", 9)
    message = outcome.explain(PROMOTE, "r.example.com", 1, installer).message
    assert message.endswith("failed on the way. no such thing")
    assert recognise(message, outcome.KNOWN) is None


def test_what_an_installer_went_on_from_is_better_than_nothing() -> None:
    assert heard(f"{REVERSE}{GAVE_UP}", 9).failure.startswith("Reverse DNS resolution of address 10.77.0.12")


def test_what_was_said_before_a_step_began_did_not_stop_it() -> None:
    installer = heard(f"CRITICAL Unable to retrieve CA chain: 404\n{SPAWNING}  [error] RuntimeError: no\n{GAVE_UP}", 5)
    assert "CA chain" not in outcome.explain(PROMOTE, "r.example.com", 1, installer).message


def test_of_a_traceback_its_last_line_is_quoted() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/usr/sbin/ipa-client-install", line 3, in <module>\nKeyError: 1\n'
    )
    assert heard(text, 4).failure == "KeyError: 1"


def test_of_many_lines_the_last_ones_are_quoted() -> None:
    quoted = heard("".join(f"line {number}\n" for number in range(30)), 11).failure
    assert quoted.split("line ")[1:] == [*(f"{number} " for number in range(22, 29)), "29"]


def test_a_signal_tells_the_whole_of_what_was_said() -> None:
    with pytest.raises(CommandFailed, match=r"signal 15: Insufficient .* become an IPA replica"):
        outcome.explain(PROMOTE, "r.example.com", 143, heard(PRIVILEGES, 3))


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
@pytest.mark.parametrize("broken", ["Secret-123", "Secret-\n123", "Sec\r\nret-123"])
def test_secrets_are_masked_wherever_their_line_was_broken(broken: str, size: int) -> None:
    installer = heard(f"Insufficient privileges to promote the server.\nwith {broken}\n{GAVE_UP}", size)
    message = outcome.explain(PROMOTE, "r.example.com", 1, installer).message
    shown = Redactor("Secret-123").clean(message)
    assert shown.endswith(f"Insufficient privileges to promote the server. with {MASK}")


def test_a_complaint_without_words_is_none() -> None:
    said = ["ERROR: The real reason", "ipa_kra_install: ERROR    ", "Your system may be partly configured."]
    assert remarks.reason(said) == "The real reason"
