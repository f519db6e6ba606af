"""What a trial of the campaign is, and what each of its sections has to offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Verdict(NamedTuple):
    """How one trial ended."""

    outcome: str
    """A few words, to be counted."""
    what: str
    """A description of what was done."""
    failed: bool = False
    detail: str = ""
    """What was found, where the trial failed."""


class Section(Protocol):
    """Trials that have one thing to show; made with a folder of its own to work in."""

    KINDS: Sequence[str]

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        """One trial of a kind; all that is random in it is drawn from `rng`."""
