"""Programs that run on hosts: standard library only, sent over SSH, nothing is left behind."""
