"""Steps that backends share."""
