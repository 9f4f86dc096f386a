"""Log rows out to people: writer, redaction, consumers."""
