"""What a realm is called and where its first server is."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from lab.network import Network


@dataclass(frozen=True)
class Options:
    """What distinguishes one master from another."""

    users: int = 0
    dns: bool = True


@dataclass(frozen=True)
class Secrets:
    """The passwords of a realm that people type."""

    directory_manager: str
    admin: str


@dataclass(frozen=True)
class Realm:
    """The names that follow from the first server's."""

    server: str
    address: IPv4Address
    address6: IPv6Address
    network: Network

    @property
    def domain(self) -> str:
        return self.server.partition(".")[2]

    @property
    def name(self) -> str:
        return self.domain.upper()

    @property
    def suffix(self) -> str:
        return ",".join(f"dc={label}" for label in self.domain.split("."))

    @property
    def instance(self) -> str:
        return self.name.replace(".", "-")

    @property
    def ldapi(self) -> str:
        return f"ldapi://%2frun%2fslapd-{self.instance}.socket"

    @property
    def kdc_dn(self) -> str:
        return f"uid=kdc,cn=sysaccounts,cn=etc,{self.suffix}"
