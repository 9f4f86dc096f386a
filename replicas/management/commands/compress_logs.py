"""Compress the logs of ended runs now, instead of waiting for the worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from replicas.stream import chunks


class Command(BaseCommand):
    help = "Compress the logs of runs that ended PORTAL_LOG_CHUNK_HOURS ago. The worker does it by itself, bit by bit."

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while made := chunks.compress_some():
            total += made
        self.stdout.write(f"{total} chunks made.")
