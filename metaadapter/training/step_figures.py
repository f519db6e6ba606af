"""The figures of one step: the loss terms of its draws, over all processes of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from metaadapter.training.processes import Processes


class LearnedDraw(NamedTuple):
    """The source of some tasks, and their loss terms."""

    source: str
    terms: Mapping[str, Tensor]
    """The unweighted terms and the weighted "total"; empty if no task had a pool."""


@dataclass(frozen=True, slots=True)
class StepFigures:
    """The figures of all draws of a step, and the norm of the gradient."""

    terms: dict[str, float]
    """Means over the draws that have the term."""
    grad_norm: float
    sources: dict[str, float]
    """Source → the mean total of its draws."""

    @property
    def is_finite(self) -> bool:
        """Whether the step can be made: there is a loss, and loss and gradient are finite."""
        return math.isfinite(self.terms.get("total", math.nan) + self.grad_norm)


def step_figures(
    draws: Sequence[LearnedDraw],
    grad_norm: Tensor,
    processes: Processes,
    names: Sequence[str],
    sources: Sequence[str],
) -> StepFigures:
    """Return the figures of a step; `names` are those of all terms, in the same order everywhere.

    This reads the results from the device, once for all, and so waits for it.
    """
    values = [*(term.detach() for draw in draws for term in draw.terms.values()), grad_norm]
    # On a GPU, a loss that has no adapter (NaN) and a norm without gradients are on the CPU.
    device = next((one.device for one in values if one.device.type != "cpu"), grad_norm.device)
    *numbers, norm = torch.stack([one.to(device, torch.float64) for one in values]).tolist()
    left = iter(numbers)
    # The sum and the number of the values of each term, then of the totals of each source.
    of_terms = {name: [0.0, 0.0] for name in names}
    of_sources = {name: [0.0, 0.0] for name in sources}
    for draw in draws:
        terms = {name: next(left) for name in draw.terms}
        added = [(of_terms[name], value) for name, value in terms.items()]
        if "total" in terms:
            added.append((of_sources[draw.source], terms["total"]))
        for sums, value in added:
            sums[0] += value
            sums[1] += 1
    rows = [*of_terms.values(), *of_sources.values()]
    summed = iter(processes.sum(torch.tensor(rows, dtype=torch.float64)).tolist())
    means, of_source = (
        {name: total / n for name, (total, n) in zip(group, summed, strict=False) if n}
        for group in (names, sources)
    )
    return StepFigures(means, norm, of_source)
