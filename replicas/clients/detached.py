"""Commands that outlive the SSH connection: transient systemd units, followed from a byte offset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from replicas.errors import CommandFailed, HostError

if TYPE_CHECKING:
    from replicas.clients.host import Host

FOLDER = "/run/replica-portal"
TIMED_OUT = 124
TAKEN_SECONDS = 1.0


async def loaded(host: Host, unit: str) -> bool:
    """Whether the unit is there: running, or ended and not cleaned."""
    shown = await host.run("systemctl", "show", "--property=LoadState", "--value", f"{unit}.service")
    return shown.text.strip() == "loaded"


async def start(host: Host, unit: str, argv: list[str], input: bytes | None, scratch: str = "") -> None:
    """Start the command in a unit that is not there yet. Raises CommandFailed, StepError for a full disk.

    systemd itself keeps the exit status (RemainAfterExit, and a failed unit stays until reset), so there is no moment
    at which a kill loses it. Input goes through a file of mode 0600 in /run that is unlinked before the command runs.
    The locale is UTF-8 as FreeIPA's programs insist on it, and Python 3.6 takes its encoding from there alone.
    systemd removes `scratch`, a folder below /run, when the command fails, is killed or is stopped.
    """
    await host.run("install", "-d", "-m", "0700", FOLDER)
    await host.remove(f"{FOLDER}/{unit}.out")
    properties = ["Environment=LC_ALL=C.UTF-8"]
    if input is not None:
        await host.write(f"{FOLDER}/{unit}.in", input)
    if scratch:
        properties += [f"RuntimeDirectory={scratch.removeprefix('/run/')}", "RuntimeDirectoryMode=0700"]
    # The description would be all words of the command, line by line.
    options = [f"--description={unit}", *(f"--property={one}" for one in properties)]
    # systemd expands variables in the words of a command, shell or not.
    words = [word.replace("$", "$$") for word in ("/bin/sh", "-c", _script(unit, input is not None), unit, *argv)]
    result = await host.run(
        "systemd-run", "--quiet", "--remain-after-exit", f"--unit={unit}", *options, "--", *words, check=False
    )
    if result.status:
        there = await loaded(host, unit)
        # Started by an attempt whose connection was lost; it has its input after a moment.
        await asyncio.sleep(TAKEN_SECONDS if there else 0)
        await host.remove(f"{FOLDER}/{unit}.in")
        if not there:
            raise host.failed(("systemd-run", *argv), result)


def _script(unit: str, has_input: bool) -> str:
    """What becomes the command, for a shell: systemd 239 of RHEL 8 cannot append to a file, nor say that it began.

    The umask is what ipa-replica-install insists on, whatever the machine's own.
    """
    path = f"{FOLDER}/{unit}"
    taken = f"exec <{path}.in && rm {path}.in && " if has_input else ""
    return f'umask 0022 && {taken}exec "$@" >>{path}.out 2>&1'


async def follow(
    host: Host,
    unit: str,
    on_output: Callable[[str, int], None],
    offset: int,
    timeout: float,
    on_shown: Callable[[str], None] = lambda text: None,
) -> int:
    """Hand over the output from byte `offset` on, and return the exit status (a signal is 128 and its number).

    `on_output` gets pieces that end at line ends, except the last, each with the offset behind it. `on_shown` gets
    each state of a line that carriage returns rewrite, at once; when it ends, it comes as output, all of it.
    Raises CommandFailed after `timeout` seconds (the unit goes on), HostUnreachable, HostError when the unit is gone.
    """
    payload = {"unit": unit, "path": f"{FOLDER}/{unit}.out", "offset": offset}
    try:
        async with asyncio.timeout(timeout), host.stream("follow", payload) as lines:
            async for line in lines:
                if "status" in line:
                    return int(line["status"])
                if "gone" in line:
                    cause = f"{unit} on {host.name} was ended: the host was restarted, or somebody stopped it."
                    raise HostError(cause, "Try again: it is started anew.", retryable=True)
                if "shown" in line:
                    on_shown(line["shown"])
                else:
                    on_output(line["text"], line["offset"])
    except TimeoutError as error:
        remedy = f"It goes on in the unit {unit}; trying again follows it."
        raise CommandFailed(host.name, unit, TIMED_OUT, f"not finished within {timeout:g} s", remedy) from error
    raise host.lost()


async def clean(host: Host, unit: str) -> None:
    """Stop the unit if it runs, and remove every trace of it."""
    await host.run("systemctl", "stop", unit, check=False)
    await host.run("systemctl", "reset-failed", unit, check=False)
    await host.remove(f"{FOLDER}/{unit}.in", f"{FOLDER}/{unit}.out")
