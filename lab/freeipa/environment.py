"""A lab whose master is a FreeIPA server, and whose blank hosts have FreeIPA's installers."""

from pathlib import Path

from lab import masters, paths
from lab.command import LabError, Unavailable, until
from lab.environment import DOMAIN, Lab
from lab.freeipa import archive, root, server
from lab.freeipa.authority import Authority
from lab.freeipa.releases import RELEASES, release
from lab.host import Host
from lab.realm import dns
from lab.realm import realm as provisioning
from lab.realm.realm import Realm, Secrets

SERVING_SECONDS = 600.0
NOT_SERVING = "not every service of the FreeIPA server starts (ipactl status)"


class FreeIpaLab(Lab):
    """A realm without a certificate authority and a name service of its own, unless a subclass has them.

    The names of all hosts are in their files, too: nobody adds replicas to the zones. `freeipa` is the release by its
    series or by the release of Debian that it is from (lab/freeipa/releases.py).
    """

    roles = False

    def __init__(self, name: str = "demo", freeipa: str | None = None) -> None:
        super().__init__(name)
        self.release = release(freeipa)

    @property
    def kind(self) -> str:
        return f"{super().kind}-{self.release.suite}"

    @property
    def version(self) -> str:
        """The version of FreeIPA that the hosts have."""
        return root.version(self._root())

    @property
    def authority(self) -> Authority:
        """What issues the certificates of the realm's servers; it stays as long as the images that it is within."""
        return Authority(paths.cache() / "authority")

    def up(self, *, replicas: int = 1, users: int = 0, dns: bool = False) -> None:
        super().up(replicas=replicas, users=0, dns=False)

    def _root(self) -> Path:
        try:
            return root.build(self.release, self.roles)
        except LabError as error:
            if missing := archive.lacking(str(error)):
                raise Unavailable(f"the archive does not have what FreeIPA hosts need: {missing}") from error
            raise

    def _image(self, host: Host, root: Path) -> masters.Image:
        def install(host: Host, realm: Realm, passwords: Secrets) -> None:
            server.install(host, realm, passwords, self.authority)

        return self._installed(host, root, "freeipa", install)

    def _installed(self, host: Host, root: Path, kind: str, install: masters.Install) -> masters.Image:
        code = [Path(__file__).with_name(name) for name in ("authority.py", "server.py")]
        code += [Path(path) for path in (dns.__file__, provisioning.__file__)]
        kind = f"{kind}-{self.release.suite}-{self.name}"
        return masters.image(host, root, self._files(host), kind, install, code)

    def _finish(self, host: Host) -> None:
        """A server that is up has all its services; each waits for the one before."""
        if host.name == self.master.name:
            host.wait()
            until(lambda: not host.run(["ipactl", "status"], check=False).returncode, SERVING_SECONDS, NOT_SERVING)
        super()._finish(host)

    def _files(self, host: Host) -> dict[str, str]:
        """Without IPv6: the first server was told one address."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{other.address} {other.name} {other.name.partition('.')[0]}" for other in self.hosts]
        files = super()._files(host)
        return files | {
            "etc/hosts": "\n".join(lines) + "\n",
            "etc/resolv.conf": f"search {DOMAIN}\nnameserver {self.master.address}\n",
        }


class RolesLab(FreeIpaLab):
    """A realm with an authority, key recovery, a trust controller, and a name service that all hosts ask."""

    roles = True

    def __init__(self, name: str = "demo", freeipa: str | None = None) -> None:
        super().__init__(name, freeipa)
        if not self.release.roles:
            able = ", ".join(known.series for known in RELEASES if known.roles)
            raise LabError(
                f"A realm with a certificate authority needs FreeIPA {able}: Debian has no Dogtag that is new enough "
                f"for FreeIPA {self.release.series}."
            )

    def _image(self, host: Host, root: Path) -> masters.Image:
        return self._installed(host, root, "freeipa-roles", server.install_roles)

    def _files(self, host: Host) -> dict[str, str]:
        files = super()._files(host)
        lines = ["127.0.0.1 localhost", "::1 localhost", f"{host.address} {host.name} {host.name.partition('.')[0]}"]
        return files | {"etc/hosts": "\n".join(lines) + "\n"}
