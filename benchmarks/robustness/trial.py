"""Trials, and the interface of their sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Verdict(NamedTuple):
    """The result of one trial."""

    outcome: str
    """A few words, which are counted."""
    what: str
    """A description of the trial."""
    failed: bool = False
    detail: str = ""
    """The reason if the trial failed."""


class Section(Protocol):
    """Trials of one property; created with its own folder."""

    KINDS: Sequence[str]

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        """Run one trial of a kind, with all random draws from `rng`."""
