"""Modules of Dogtag's Python client that FreeIPA 4.13 imports, and that no package of Debian has.

A realm without a certificate authority never calls them, but the server does not start when it cannot import them.
"""

from pathlib import Path

from lab.host import place

FOLDER = "usr/lib/python3/dist-packages/pki"
CLIENTS = {"ca": "CAClient", "subsystem": "SubsystemClient"}
MODULE = '''\
"""A placeholder on this test host, whose Dogtag is too old to have this module."""


class {name}:
    def __init__(self, *arguments, **options):
        raise NotImplementedError("Dogtag on this host is older than 11 and has no {name}.")
'''


def add_missing(root: Path) -> None:
    """Add a placeholder for each client module that the packages of Dogtag do not have."""
    for module, name in CLIENTS.items():
        path = root / FOLDER / f"{module}.py"
        if not path.exists():
            place(path, MODULE.format(name=name))
