"""Advice to remove or to change something names what the portal has seen: each such text is listed with what it saw."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import replicas

SOURCES = Path(replicas.__file__).parent
TEMPLATES = SOURCES.parent / "templates"
VERBS = (
    "remove|delete|uninstall|unenroll|drop|take [^.,;:]{1,60}? (?:off|away|out)|stop|kill|wipe|clean|purge|erase|move|"
    "rename|correct|replace|edit|disable|mask|reset|destroy|take down|shut down|switch [^.,;:]{1,30}? off"
)
BEFORE = r"(?:^|[.:;,!?(“\"»]\s*|\b(?:and|or|then|first|must|can|please|to be)\s+)"
COMMANDS = (
    r"\brm -|ldapdelete|ldapmodify|dsctl|dsconf|kadmin\.local|clean-ruv|hostnamectl|nsupdate|rndc|"
    r"systemctl (?:stop|disable|mask)|chown|chmod|--uninstall|-del\b|domainlevel-set|--disable-|--do-it|\bunenrolled\b"
)
ADVISES = re.compile(rf"{BEFORE}(?:{VERBS})\b|{COMMANDS}", re.IGNORECASE)
TRANSLATED = re.compile(r'{% translate "([^"]+)"|{% blocktranslate[^%]*%}(.*?){% endblocktranslate', re.DOTALL)

A_BUTTON = "The label of a button or a field of the portal, or advice to use it on a row of the portal."
THE_REQUEST = "What the request itself says is to be changed, or a form that is shown."
A_STEP = "Not advice: what a step of a plan does, or what it has done."
SEEN = {
    "Open it in the list of replicas": A_BUTTON,
    "Remove or undo what was made from it": "The replicas with this master are rows of the portal.",
    "Correct what is named below": THE_REQUEST,
    "Move it away; a new one": "The key file was read, and has a key of another kind.",
    "Put it there, or correct the request": THE_REQUEST,
    "chown root {} && chmod 600 {}": "stat(1) has shown this file with its owner and mode.",
    "Correct the file.": "The file was read, and its key is not that of its certificate.",
    "remove it from its realm first": "The state file of a server was seen on this host.",
    "have it unenrolled first": "The configuration of a client was seen on this host.",
    "If the {} is incomplete, FreeIPA can remove it": "The realm or the host has shown a role that is not finished.",
    'Correct line {} ("{}") of {} on {}: it counts': "The line was read from that file on that host.",
    "If this is the right host, correct {} in its {}": "The lines were read from that file on that host.",
    "ipa topologysegment-del {} {}": "The segment was read by its name.",
    "ldapdelete -Y GSSAPI": "The agreement was read by its name.",
    "ipa-replica-manage clean-ruv {}": "The update vector that was read has the id.",
    "ipa server-del {}": "The entry was read by its name.",
    "ipa host-del {}": "The entry was read by its name, and has a key.",
    "in “remove what is left of an earlier replica”": "The entries were read; a server that answers is spared before.",
    "Give the new replica another name. If that server": "It answers, so that only its realm may remove it.",
    "Choose another host name. If that server": "It answers, so that only its realm may remove it.",
    "Correct what it names in the request": THE_REQUEST,
    "ipa domainlevel-set {}": "The realm has said its level.",
    "be in service: then choose another host. If this run": "The entry of the host was read, and has a key.",
    "(ipa topologysegment-del), or one of": A_STEP,
    "Correct the alias. {}": "Each alias of the circle was read, and is named.",
    'Remove the record "{}" if it is out of date': "The record was read as a stored one.",
    'Remove the record "{}" if {} takes': "The record was read as a stored one.",
    "Only for a server that no longer exists: delete": "The entries were read by name. One that answers is spared.",
    "If the server is not needed any more, remove it": "dse.ldif of the instance was seen, and what its unit does.",
    "are accepted: correct the request": THE_REQUEST,
    "dsctl {} remove": A_STEP,
    "dsconf replication status": "A command that only reads.",
    "Only if that server no longer exists: remove it": "The server was read among the masters of the realm.",
    "Run named-checkconf on {}, and correct": "named-checkconf has refused the configuration that is there.",
    "Remove «{}» from the zone {}": "The record was read as a stored one of that very name.",
    "Correct the account's name": THE_REQUEST,
    "Remove the stored keytab": A_BUTTON,
    "Choose a keytab, or remove": A_BUTTON,
    "Stop in the middle of the step": A_BUTTON,
    "choose another host than {}; if not, stop it": "The unit listens on the port, and serves no realm.",
    "choose another host; if not, stop it": "Something listens on the port, and serves no realm.",
    "Take the name off {} of {} on {}": "The lines were read in the file.",
    "Correct the address, or let port 53 through": THE_REQUEST,
    "hostnamectl set-hostname {}": "The host has said its name, and shows no sign of a server or a client of a realm.",
    "Correct {} of {} on {}": "The lines were read in the file.",
    "Correct the address, or the route": THE_REQUEST,
    "Correct the request.": THE_REQUEST,
    "take it out of the NS records": "The name server was read from the NS records of the zone.",
    "clean {} {}": A_STEP,
    "RESET {}": A_STEP,
    "Taking the host out of the realm again": A_STEP,
    "ipa-client-install --uninstall --unattended": A_STEP,
    "ipa-client-install --uninstall on {} ended": A_STEP,
    "{} --uninstall on {} left {}": A_STEP,
    "Removing the server from the realm": A_STEP,
    "--uninstall to clean up|": "Not advice: words of the installer that the portal does not repeat.",
    "after --disable-dnssec-master here": "The realm has named this server as its DNSSEC key master.",
    "delete the credentials of a key that is lost": "The help of an option. The ids are those of stored rows.",
    "Remove replica": A_BUTTON,
    "Stop of the run requested": A_BUTTON,
    "Stop now": A_BUTTON,
}


def texts() -> Iterator[tuple[str, str]]:
    """The texts of the portal with their places; an expression in a text is shown as {}."""
    for path in sorted(SOURCES.rglob("*.py")):
        if "migrations" not in path.parts:
            for line, text in strings(ast.parse(path.read_text())):
                yield f"{path.relative_to(SOURCES)}:{line}", text
    for path in sorted(one for one in TEMPLATES.rglob("*") if one.suffix in (".html", ".txt")):
        for found in TRANSLATED.finditer(path.read_text()):
            yield str(path.relative_to(TEMPLATES)), found[1] or found[2]


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings with a blank in them, without docstrings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node and isinstance(part, ast.Constant)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node.value, str):
            text = node.value
        if " " in text and id(node) not in skipped:
            yield node.lineno, text


def advice() -> list[tuple[str, str]]:
    return [(place, text) for place, text in texts() if ADVISES.search(text)]


def test_each_advice_to_remove_or_change_is_about_something_that_was_seen() -> None:
    unknown = [f"{place}: {text}" for place, text in advice() if not any(one in text for one in SEEN)]
    assert not unknown, "Say in SEEN where the code has seen the thing, or advise to find out instead."


def test_the_list_has_nothing_else() -> None:
    known = [text for _, text in advice()]
    assert [one for one in SEEN if not any(one in text for text in known)] == []


def test_a_new_advice_is_noticed() -> None:
    for text in (
        "Remove the old record.",
        "Stop it, then try again.",
        "If nothing needs it, remove it with dsctl x remove --do-it.",
        "See the log, and delete /etc/krb5.conf.",
        "Take the name off the line with 127.0.1.1.",
    ):
        assert ADVISES.search(text)
    for text in ("Removed the host a.", "Find out who answers so.", "Choose another host."):
        assert not ADVISES.search(text)


def test_no_symptom_advises_to_remove() -> None:
    """A symptom is recognized by words of an error alone, so that nothing was seen."""
    for path in ("lifecycle/symptoms.py", "backends/native/symptoms.py", "backends/freeipa/symptoms.py"):
        found = [text for _, text in strings(ast.parse((SOURCES / path).read_text())) if ADVISES.search(text)]
        assert [text for text in found if "|" not in text] == []
