"""The error that this package raises, and checks for fractions and ranges."""

from __future__ import annotations


class EpisodeError(ValueError):
    """The tasks cannot be drawn from these labels, ranges or classes."""


def require_fraction(name: str, fraction: float) -> None:
    """Raise an `EpisodeError` unless a number is a fraction of the tasks."""
    if not 0 <= fraction <= 1:
        raise EpisodeError(f"{name} must be a fraction of the tasks, 0 to 1, got {fraction}")


def require_range(name: str, ends: tuple[int, int], least: int) -> None:
    """Raise an `EpisodeError` unless `ends` are in order and at least `least`."""
    if not least <= ends[0] <= ends[1]:
        raise EpisodeError(
            f"{name} must be (least, most) with {least} <= least <= most, got {ends}"
        )
