"""Finish a Directory Server instance while it is stopped: certificate, schema, replication, so that it starts once."""

import os
import shutil
import subprocess
import tempfile
from typing import Any, Dict

from replicas.hostside import ldif, pem

SCHEMA = "/usr/share/dirsrv/data/60kerberos.ldif"


def install(bundle: str, facts: Dict[str, Any]) -> None:
    """`facts` has folder (of the instance), authority (PEM file), config (attributes of cn=config), entries (LDIF)."""
    folder = facts["folder"]
    certificate(folder, os.path.join(bundle, "dscert.p12"), os.path.join(bundle, "dirsrv_pin.txt"), facts["authority"])
    shutil.copyfile(SCHEMA, f"{folder}/schema/60kerberos.ldif")
    shutil.chown(f"{folder}/schema/60kerberos.ldif", "root", "dirsrv")
    os.chmod(f"{folder}/schema/60kerberos.ldif", 0o640)
    path = f"{folder}/dse.ldif"
    with open(path, "rb") as stream:
        content = configure(stream.read(), facts["config"], facts["entries"])
    # In place, as the file has the owner and the mode that the server wants.
    with open(path, "wb") as stream:
        stream.write(content)


def certificate(folder: str, package: str, pin: str, authority: str) -> None:
    """Both into the instance's database, in the place of what an earlier bundle or an interrupted attempt put there."""
    word = f"{folder}/pwdfile.txt"
    while there(folder, "Server-Cert"):
        run("certutil", "-F", "-d", folder, "-f", word, "-n", "Server-Cert")
    run("pk12util", "-i", package, "-d", folder, "-k", word, "-w", pin)
    trust(folder, word, authority)


def trust(folder: str, word: str, authority: str) -> None:
    """Trust every certificate in the file. certutil reads the first alone, which may be the one before a renewal."""
    with open(authority, "rb") as stream:
        certificates = pem.certificates(stream.read())
    for number, certificate in enumerate(certificates, 1):
        nickname = "CA" if number == 1 else f"CA {number}"
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(certificate)
            file.flush()
            run("certutil", "-A", "-d", folder, "-f", word, "-n", nickname, "-t", "CT,,", "-i", file.name)


def there(folder: str, nickname: str) -> bool:
    argv = ("certutil", "-L", "-d", folder, "-n", nickname)
    return not subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode


def configure(content: bytes, config: Dict[str, str], entries: str) -> bytes:
    """The configuration with these attributes of cn=config replaced, and these entries added unless they are there.

    Raises ldif.Malformed.
    """
    known = ldif.parse(content)
    own = ldif.find(known, "cn=config")
    if own is None:
        raise ldif.Malformed("there is no cn=config")
    for name, value in config.items():
        own.replace(name, value)
    added = [entry for entry in ldif.parse(entries.encode()) if ldif.find(known, entry.dn) is None]
    return ldif.compose([*known, *added])


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
