"""The steps of a FreeIPA replica's life."""
