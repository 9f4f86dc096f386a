"""Hosts that run FreeIPA itself, built from Debian's source package: it has no binary one of the server."""

from lab.freeipa.environment import FreeIpaLab, RolesLab

__all__ = ["FreeIpaLab", "RolesLab"]
