"""The error that this package raises on purpose."""

from __future__ import annotations


class EpisodeError(ValueError):
    """The tasks cannot be drawn from these labels, ranges or classes."""
