"""Marks, in the annotations of parameters, that options exclude or need one another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excludes:
    """Marks a parameter as meaningless together with the named ones."""

    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """Marks a parameter as meaningless without the named one."""

    other: str
