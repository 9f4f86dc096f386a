"""How the portal speaks to hosts, directories, name servers and OpenPGP: no models, no shell strings."""
