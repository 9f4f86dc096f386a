#!/usr/bin/env python
"""Django's command line for the portal."""

import sys

from django.core.management import execute_from_command_line

from portal.startup import require_settings

if __name__ == "__main__":
    require_settings(sys.argv[2:])
    execute_from_command_line(sys.argv)
