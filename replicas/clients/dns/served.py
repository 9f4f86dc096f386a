"""Whether name servers serve a record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replicas.clients.dns.queries import NameServer, authoritative, query, records
from replicas.clients.dns.records import answers
from replicas.clients.dns.stored import stored
from replicas.errors import DnsError
from replicas.lifecycle.base import Record
from replicas.together import together

POLL_SECONDS = 0.1
LAME = "it does not serve the zone"


@dataclass(frozen=True, slots=True)
class Absent:
    """A record that a name server does not serve, with what it answers instead; or the cause why it cannot be asked."""

    server: NameServer
    record: Record
    served: tuple[Record, ...] = ()
    cause: str = ""

    def __str__(self) -> str:
        if self.cause:
            return f'{self.server.name} cannot be asked for "{self.record}": {self.cause.rstrip(".")}'
        served = ", ".join(f'"{record.value}"' for record in self.served) or "nothing"
        return f'{self.server.name} does not serve "{self.record}" but {served}'


async def served(server: NameServer, record: Record) -> Absent | None:
    """None when the name server serves exactly that record. Its addresses are tried in order until one answers."""
    cause = "it has no address"
    for address in server.addresses:
        try:
            answer = await query(address, record.name, record.type)
            if not authoritative(answer):
                cause = LAME
                continue
            found = records(answer, record.type)
            if not any(answers(one, record) for one in found):
                return Absent(server, record, found)
            return None if await stored(address, record.name, record.type) else Absent(server, record)
        except DnsError as error:
            cause = error.message
    return Absent(server, record, cause=cause)


async def absent(servers: Iterable[NameServer], wanted: Iterable[Record]) -> list[Absent]:
    """What is not served, asking every server for every record, all at once."""
    several = list(wanted)
    found = await together(*(served(server, record) for server in servers for record in several))
    return [one for one in found if one is not None]


async def wait_until_served(
    servers: Sequence[NameServer], record: Record, timeout: float = 30, primary: str = ""
) -> list[Absent]:
    """Return when every name server that answers serves the record, or after `timeout` seconds.

    `primary` is an address of the primary name server, which need not be among the others: the NS records of a zone may
    name nobody that answers. Returns those that do not serve the record: they are out of date, or cannot be asked.
    Raises DnsError when no name server serves it.
    """
    end = time.monotonic() + timeout
    first = [NameServer(primary, (primary,))] if primary else []
    while True:
        missing = await absent(servers, [record])
        nobody = len(missing) == len(servers) and len(await absent(first, [record])) == len(first)
        late = any(not one.cause for one in missing) or nobody
        if not late or time.monotonic() > end:
            break
        await asyncio.sleep(POLL_SECONDS)
    if nobody:
        raise DnsError(
            f"After {timeout:g} s these name servers do not serve «{record}»: "
            f"{', '.join(one.server.name for one in missing)}.",
            "See that these name servers run and get the changes of the zone, and try again.",
            retryable=True,
        )
    return missing
