"""Tickets from a real KDC."""

from __future__ import annotations

import pytest

from lab import Lab
from replicas.clients import kerberos, ssh
from replicas.errors import StepError, WrongPassword
from tests.replicas.typed import TYPED

pytestmark = pytest.mark.hosts


async def test_the_right_password_over_both_families(lab: Lab, replica: ssh.Host) -> None:
    for address in (str(lab.master.address), str(lab.master.address6)):
        ticket = await kerberos.prove(replica, "admin", lab.secrets.admin, "EXAMPLE.COM", (address,))
        assert ticket.principal == "admin@EXAMPLE.COM"
        assert ticket.service == "krbtgt/EXAMPLE.COM@EXAMPLE.COM"
    assert "portal-krb5" not in (await replica.run("ls", "/run")).text


@pytest.mark.parametrize("password", TYPED)
async def test_the_password_is_the_one_that_was_typed(lab: Lab, replica: ssh.Host, password: str) -> None:
    address, own = str(lab.master.address), lab.secrets.admin
    lab.master.run(["kadmin.local", "-q", "cpw admin"], input=f"{password}\n{password}\n".encode())
    try:
        ticket = await kerberos.prove(replica, "admin", password, "EXAMPLE.COM", (address,))
        assert ticket.principal == "admin@EXAMPLE.COM"
    finally:
        lab.master.run(["kadmin.local", "-q", "cpw admin"], input=f"{own}\n{own}\n".encode())


@pytest.mark.parametrize(
    ("principal", "number", "error", "words"),
    [
        ("admin", 0, WrongPassword, "the password of admin is wrong"),
        ("nobody", 0, StepError, "nobody is not in the realm"),
        ("admin", 1, StepError, "no KDC of EXAMPLE.COM answers"),
    ],
)
async def test_refusals(
    lab: Lab, replica: ssh.Host, principal: str, number: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await kerberos.prove(replica, principal, "wrong", "EXAMPLE.COM", (str(lab.hosts[number].address),))
    assert "portal-krb5" not in (await replica.run("ls", "/run")).text
