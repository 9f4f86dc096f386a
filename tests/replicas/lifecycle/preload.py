"""Imported once by the process that workers are forked from: Django and the engine, ready."""

from __future__ import annotations

import os

for name in ("DATABASE_URL", "REDIS_URL"):  # the process of the tests has taken them out of its environment
    if url := os.environ.get(f"TEST_{name}"):
        os.environ[name] = url
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django  # noqa: E402 - reads the environment

django.setup()

from huey.contrib.djhuey import HUEY  # noqa: E402

import replicas.management.commands.worker as worker  # noqa: E402 - needs set-up Django
import replicas.tasks as tasks  # noqa: E402
import tests.replicas.lifecycle.rows as rows  # noqa: E402

HUEY.storage.close()
tasks.BESIDE.storage.close()
__all__ = ["rows", "tasks", "worker"]
