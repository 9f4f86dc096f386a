"""Whether the master's name server can write what it writes when a zone is changed: the journal beside its file."""

from __future__ import annotations

from collections.abc import Iterable

from replicas.backends.native import zones
from replicas.clients import dns
from replicas.errors import StepError
from replicas.lifecycle.base import Context

SCRIPT = """\
for process in /proc/[0-9]*; do
    read -r name 2>/dev/null <"$process/comm" && [ "$name" = named ] && user=$(stat -c %U "$process") && break
done
[ -n "$user" ] && runuser -u "$user" -- true || exit 0
for journal do
    place=$journal
    [ -e "$place" ] || place=$(dirname -- "$place")
    runuser -u "$user" -- test -w "$place" || printf '%s %s\\n' "$user" "$place"
done
"""
"""Prints the user of the name server, and the path, for each journal that it could not write."""


async def require_writable(ctx: Context, changed: Iterable[str]) -> None:
    """Raises StepError when the journal of a zone cannot be written; a zone that another host changes is not seen here.

    An update that changes nothing, which shows whether a name server agrees to changes, writes nothing either.
    """
    wanted, master = {dns.absolute(zone) for zone in changed}, await ctx.host("master")
    journals = [path for zone, path in await zones.journals(ctx) if zone in wanted]
    if not journals:
        return
    shown = await master.run("sh", "-c", SCRIPT, "sh", *journals, check=False)
    if found := list(dict.fromkeys(shown.text.splitlines())):
        user, _, place = found[0].partition(" ")
        raise StepError(
            f"The name server on {master.name} runs as {user} and cannot write {place}: every change of a zone whose "
            "file is there would fail.",
            f"Let {user} write there, or keep the files of zones that are changed in another folder (/var/lib/bind).",
        )
