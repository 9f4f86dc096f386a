"""The private network of a lab: a bridge on the machine, and a namespace for each host."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from lab.command import run

PREFIX = "rlab"
DEVICES = Path("/sys/class/net")


@dataclass(frozen=True)
class Network:
    """The addresses and names that follow from the number of a lab."""

    index: int

    @property
    def bridge(self) -> str:
        return f"{PREFIX}{self.index}"

    @property
    def subnet(self) -> IPv4Network:
        return IPv4Network(f"10.88.{self.index}.0/24")

    @property
    def subnet6(self) -> IPv6Network:
        return IPv6Network(f"fd00:88:{self.index}::/64")

    def address(self, number: int) -> IPv4Address:
        return self.subnet[number]

    def address6(self, number: int) -> IPv6Address:
        # The decimal digits of the number, so that both addresses of a host end alike.
        return self.subnet6[int(str(number), 16)]

    def namespace(self, number: int) -> str:
        return f"{self.bridge}-{number}"

    def hardware(self, number: int) -> str:
        """A fixed hardware address, so that nobody waits for the old one of a host that has been reset."""
        return f"02:52:4c:00:{self.index:02x}:{number:02x}"

    def up(self) -> None:
        """Make the bridge, on which the machine itself has the first address."""
        if not (DEVICES / self.bridge).exists():
            run(["ip", "link", "add", self.bridge, "address", self.hardware(1), "type", "bridge"])
        run(["ip", "address", "replace", f"{self.address(1)}/24", "dev", self.bridge])
        run(["ip", "address", "replace", f"{self.address6(1)}/64", "dev", self.bridge, "nodad"])
        run(["ip", "link", "set", self.bridge, "up"])

    def attach(self, number: int) -> None:
        """Make the namespace of a host, connected to the bridge."""
        self.detach(number)
        namespace = self.namespace(number)
        run(["ip", "netns", "add", namespace])
        peer = ["peer", "name", "eth0", "address", self.hardware(number), "netns", namespace]
        run(["ip", "link", "add", namespace, "type", "veth", *peer])
        run(["ip", "link", "set", namespace, "master", self.bridge, "up"])
        inside = ["ip", "-n", namespace]
        run([*inside, "link", "set", "lo", "up"])
        run([*inside, "address", "add", f"{self.address(number)}/24", "dev", "eth0"])
        run([*inside, "address", "add", f"{self.address6(number)}/64", "dev", "eth0", "nodad"])
        run([*inside, "link", "set", "eth0", "up"])

    def detach(self, number: int) -> None:
        """Remove the namespace of a host, also half of one."""
        namespace = self.namespace(number)
        if Path("/run/netns", namespace).exists():
            run(["ip", "netns", "delete", namespace])
        if (DEVICES / namespace).exists():
            # The kernel removes the pair itself when a namespace ends, a moment later: whoever is first.
            run(["ip", "link", "delete", namespace], check=False)

    def down(self) -> None:
        """Remove the bridge and every namespace that bears its name, whoever made it."""
        for path in Path("/run/netns").glob(f"{self.bridge}-*"):
            self.detach(int(path.name.removeprefix(f"{self.bridge}-")))
        for path in DEVICES.glob(f"{self.bridge}-*"):
            run(["ip", "link", "delete", path.name], check=False)
        if (DEVICES / self.bridge).exists():
            run(["ip", "link", "delete", self.bridge])
