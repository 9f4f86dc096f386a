"""Programs that run on hosts: standard library only, Python 3.6 to 3.13, sent over SSH, nothing is left behind."""
