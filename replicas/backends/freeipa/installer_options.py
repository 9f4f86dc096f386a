"""The options that FreeIPA's installers list in their own help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from replicas.backends.freeipa import realm
from replicas.lifecycle.job import JSON

if TYPE_CHECKING:
    from replicas.clients.ssh import Host

REPLICA = "/usr/sbin/ipa-replica-install"
OFFER = "installer_options"
"""The name of the list in Capabilities.offers."""
DEFINED = re.compile(r"^ {2,6}(?:-\w(?: \w+)?, )?--([a-z0-9-]+)", re.MULTILINE)
TOKEN = ("token_name", "token_library_path", "token_password_file")
ENCRYPTION = ("dns_over_tls", "dot_forwarders", "dns_policy", "dns_over_tls_cert", "dns_over_tls_key")
SINCE: dict[str, tuple[int, ...]] = {"subid": (4, 9, 10), **dict.fromkeys((*ENCRYPTION, *TOKEN), (4, 12, 0))}
"""Options that are newer than realm.OLDEST, and the version that introduced them.

Builds differ: DNS over TLS came with 4.12.5, and is in Fedora's and Red Hat's builds of 4.12.2. So the version decides
only for masters that were registered before their installer's own list was read.
"""
SPELLED = {"dot_forwarders": "dot-forwarder", "token_name": "token-library-path"}
"""Names that ipa-replica-install spells otherwise. The token's name is of ipa-ca-install, and came with the library."""


def names(text: str) -> set[str]:
    """Return the names of the options that a program's help defines."""
    return set(DEFINED.findall(text))


async def listed(host: Host, path: str) -> set[str]:
    """Return the names of the options that a program on a host lists; none where it cannot say."""
    shown = await host.run(path, "--help", check=False)
    return set() if shown.status else names(shown.text)


def missing(versions: Mapping[str, str], offers: Mapping[str, JSON]) -> set[str]:
    """Return those of SINCE that a master lacks: by its installer's own list, else by its version.

    A master whose version is unknown too has nothing that is newer than the oldest release that is served.
    """
    own = offers.get(OFFER)
    if isinstance(own, list) and own:
        return {name for name in SINCE if SPELLED.get(name, name.replace("_", "-")) not in own}
    known: tuple[int, ...] = realm.version(versions["FreeIPA"]) if "FreeIPA" in versions else realm.OLDEST
    return {name for name, since in SINCE.items() if known < since}
