"""Wiring: settings, addresses, sockets, checks. No logic."""
