"""Realms of FreeIPA 4.9 and later, Red Hat IdM among them (docs/freeipa-realm.md)."""
