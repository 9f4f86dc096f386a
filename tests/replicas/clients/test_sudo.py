"""What is advised about sudo follows from its own words, whatever the account is called."""

from __future__ import annotations

from typing import cast

import asyncssh
import pytest

from replicas.clients.host import Host, Result
from replicas.lifecycle.job import Endpoint


@pytest.mark.parametrize(
    ("user", "words", "remedy"),
    [
        (
            "betty",
            "Sorry, user betty is not allowed to execute '/usr/bin/sh' as root on tty1.",
            '"sudo -n -- sh -c true"',
        ),
        ("terminal", "terminal is not in the sudoers file.", '"sudo -n -- sh -c true"'),
        ("portal", "sudo: sh: command not found", '"sudo -n -- sh -c true"'),
        ("portal", "sudo: a password is required", "without a password"),
        ("portal", "sudo: a terminal is required to read the password; either use the -S option", "without a password"),
        ("portal", "sudo: sorry, you must have a tty to run sudo", "Defaults:portal !requiretty"),
    ],
)
def test_the_remedy_of_a_refusal(user: str, words: str, remedy: str) -> None:
    host = Host(Endpoint("a.example.com", "192.0.2.5", "", user=user), cast(asyncssh.SSHClientConnection, None))
    refused = host._sudo_refuses(("true",), Result(1, b"", words.encode()))
    assert remedy in refused.remedy
