"""Certificates that people upload for the services of a replica: read, and checked before anything else is done."""
