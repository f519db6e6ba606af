"""The error that this package raises on purpose."""

from __future__ import annotations


class EpisodeError(ValueError):
    """Labels, ranges or classes from which the tasks asked for cannot be drawn."""
