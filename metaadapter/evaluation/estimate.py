"""A mean with its interval, for figures that are means over stores of means over tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the half-width of its 95 % interval; NaN for a store with a single task."""

    mean: float
    half: float

    @classmethod
    def over_stores(cls, samples: Sequence[np.ndarray]) -> Estimate:
        """Mean over stores of the mean over tasks.

        The interval covers which tasks were drawn, not which stores; degrees of freedom by Welch
        and Satterthwaite (Student's for one store).
        """
        mean = float(np.mean([sample.mean() for sample in samples]))
        if min(map(len, samples)) < 2:
            return cls(mean, math.nan)
        variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
        freedom = np.array([len(sample) - 1 for sample in samples])
        total = variances.sum()
        effective = total**2 / (variances**2 / freedom).sum() if total else freedom.sum()
        half = stats.t.ppf(0.975, effective) * total**0.5 / len(samples)
        return cls(mean, float(half))

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.half:.1f}"

    def signed(self) -> str:
        """The form of a difference."""
        return f"{self.mean:+.2f} ± {self.half:.2f}"
