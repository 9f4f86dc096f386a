"""The releases of FreeIPA that the lab can build, and the one setting that chooses between them."""

import os
from dataclasses import dataclass, replace

from lab.command import LabError, Unavailable

SETTING = "LAB_FREEIPA_RELEASE"


@dataclass(frozen=True)
class Release:
    """A release series of FreeIPA, and the release of Debian whose archive has its source.

    `roles`: whether the certificate authority of lab/freeipa/dogtag.py can serve it.
    `exact`: whether only this series will do, whatever else the archive has by now.
    """

    series: str
    suite: str
    roles: bool
    exact: bool = False

    def check(self, version: str) -> None:
        """Raise Unavailable when the series was requested by its number and this version is not of it."""
        if self.exact and version.split(".")[:2] != self.series.split("."):
            raise Unavailable(
                f"The source of FreeIPA in Debian {self.suite} is {version}, not {self.series}. "
                f"Use the release {self.suite} to build what there is."
            )


RELEASES = (Release("4.12", "trixie", roles=True), Release("4.13", "sid", roles=False))
DEFAULT = RELEASES[0]


def release(name: str | None = None) -> Release:
    """Return the release of that name: a series (4.13) or a suite of Debian (sid). LabError if it is unknown.

    A series means that series; a suite means the version that its archive has today. Without a name the setting
    LAB_FREEIPA_RELEASE decides, and without that the first release of the table.
    """
    name = name or os.environ.get(SETTING) or DEFAULT.suite
    for known in RELEASES:
        if name == known.series:
            return replace(known, exact=True)
        if name == known.suite:
            return known
    raise LabError(f"{name} is not a release of FreeIPA that the lab can build. Choose one of: {names()}.")


def names() -> str:
    """Return what a release can be called, for people."""
    return ", ".join(f"{known.series} or {known.suite}" for known in RELEASES)
