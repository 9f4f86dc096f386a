"""Realms of 389 Directory Server, MIT Kerberos, BIND, Apache and chrony (docs/native-realm.md)."""
