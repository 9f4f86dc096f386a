"""Negotiate tokens by keytab, from a process of their own: Kerberos has its settings for a whole process.

So realms are served side by side, whatever this machine itself is a member of. Nothing secret is in the arguments or
the environment of that process, and it leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import base64

from replicas.clients.freeipa import errors
from replicas.clients.keytab import Keytab
from replicas.clients.programs import launch
from replicas.clients.stream import parse
from replicas.errors import PortalError

PYTHON = "/usr/bin/python3"
"""That of the system, for which distributions have the package python3-gssapi."""
SECONDS = 20.0
KINDS: dict[str, type[PortalError]] = {
    kind.__name__: kind for kind in (errors.WrongKeytab, errors.KdcLost, errors.ClockSkew)
}


async def token(keytab: Keytab, server: str, kdc: str, seconds: float = SECONDS) -> str:
    """For the web server of that full name, from the KDC at that address.

    Raises WrongKeytab, KdcLost, ClockSkew, and LoginRefused for what else Kerberos says.
    """
    payload = {
        "keytab": base64.b64encode(keytab.content).decode(),
        "principal": keytab.principal,
        "realm": keytab.realm,
        "server": server,
        "kdcs": [f"[{kdc}]" if ":" in kdc else kdc],
    }
    argv, head = launch("negotiate", payload, PYTHON)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env={}
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(head)
    except TimeoutError as error:
        raise errors.KdcLost(f"The KDC at {kdc} gave no answer in time.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    answer = parse(said) or {"error": f"{PYTHON} made no ticket.", "remedy": "See that it and python3-gssapi work."}
    if "token" in answer:
        return str(answer["token"])
    kind = KINDS.get(answer.get("kind", ""), errors.LoginRefused)
    raise kind(answer["error"], remedy=answer.get("remedy", ""))
