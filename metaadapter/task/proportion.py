"""A fraction with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Proportion"]


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of `n` are correct."""

    n_correct: int
    n: int

    @property
    def value(self) -> float:
        """The fraction, from 0 to 1."""
        return self.n_correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        from scipy.stats import binomtest

        low, high = binomtest(self.n_correct, self.n).proportion_ci(method="wilson")
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.value:.0%} ({self.n_correct} of {self.n}, "
            f"95 % interval {low:.0%} to {high:.0%})"
        )

    def to_dict(self) -> dict[str, float | int]:
        """The JSON form."""
        low, high = self.interval
        counts = {"n_right": self.n_correct, "n": self.n}
        return {"value": self.value, "low": low, "high": high, **counts}
