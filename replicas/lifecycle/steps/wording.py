"""How steps put things."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """«40 ms», «1.25 s»: something that happened never took nothing at all."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "less than 1 ms"


def milliseconds(value: float) -> str:
    return f"{value:g} ms" if value >= 0.1 else "less than 0.1 ms"
