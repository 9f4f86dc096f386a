"""The steps that only native realms have, by topic."""
