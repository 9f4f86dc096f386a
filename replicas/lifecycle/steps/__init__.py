"""Steps that every backend shares."""
