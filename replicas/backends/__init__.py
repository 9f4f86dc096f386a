"""How each kind of realm is served: one package a kind, one line in the registry."""
