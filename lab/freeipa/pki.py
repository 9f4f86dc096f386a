"""Parts of Dogtag that FreeIPA looks for in a realm without a certificate authority, too, and that hosts may lack.

The server does not start when it cannot import the client's modules, of which 4.13 wants two that no package of Debian
has. The installer asks `pki-server` whether an authority is installed.
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
PROGRAM = "usr/sbin/pki-server"
NO = "#!/bin/sh\necho 'A placeholder on this test host, which has no Dogtag.' >&2\nexit 1\n"


def add_missing(root: Path) -> None:
    """Add a placeholder for each of them that the packages of Dogtag on the host do not have."""
    program = root / PROGRAM
    if not program.exists():
        place(program, NO, mode=0o755)
    for module, name in CLIENTS.items():
        path = root / FOLDER / f"{module}.py"
        if not path.exists():
            place(path, MODULE.format(name=name))
