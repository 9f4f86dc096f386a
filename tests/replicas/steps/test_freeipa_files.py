"""Files on a real host that options name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replicas.backends.freeipa.checks import NAMED, named
from replicas.clients import ssh
from replicas.errors import StepError
from replicas.lifecycle.job import Options
from tests.replicas.steps.kept import KeptContext

pytestmark = pytest.mark.hosts


async def test_what_an_option_names_has_to_be_there(context: Callable[..., KeptContext], replica: ssh.Host) -> None:
    assert "No option" in await named(context())
    made = context(dirsrv_config_file="/etc/hostname", pki_config_override="/root/nothing.ini")
    with pytest.raises(StepError, match=f"^/root/nothing.ini is not there on {replica.name}"):
        await named(made)
    assert "/etc/hostname" in await named(context(dirsrv_config_file="/etc/hostname"))


def test_they_are_options() -> None:
    assert set(NAMED) <= set(Options.__dataclass_fields__)
