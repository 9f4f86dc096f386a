"""The time service of a realm."""

from lab.host import Host

# Nothing above to ask: the first server is the realm's own clock.
CONFIGURATION = "allow\nlocal stratum 10\n"


def install(host: Host) -> None:
    """Serve the time to everybody."""
    host.write("/etc/chrony/conf.d/ipa.conf", CONFIGURATION)
    host.run(["systemctl", "enable", "--now", "chrony"])
