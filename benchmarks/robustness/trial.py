"""The result of a trial, and the interface of the sections, which are groups of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Verdict(NamedTuple):
    """The result of one trial."""

    outcome: str
    """A few words; trials with the same words are counted together."""
    what: str
    """A description of the trial."""
    failed: bool = False
    detail: str = ""
    """The reason if the trial failed."""


class Section(Protocol):
    """Trials of one property, in a folder of their own."""

    KINDS: Sequence[str]

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        """Run one trial of a kind, with all random draws from `rng`."""
