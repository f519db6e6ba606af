"""Where a training run stands, as a value: showing and logging it is others' job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaadapter.training.validation import Validation

__all__ = ["Moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A run after one of its steps, or before the first."""

    step: int
    terms: Mapping[str, float]
    """Each loss term, unweighted, and the weighted "total": means over the draws of the step."""
    lr: float
    grad_norm: float
    """Before clipping."""
    tasks_per_second: float
    n_skipped: int
    """Steps so far without effect, because a loss or a gradient was not finite."""
    validation: Validation | None
    """The round after this step, if there was one."""
