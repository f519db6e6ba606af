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
    """Tasks of one source, with their loss terms and the seconds from draw to gradient."""

    source: str
    terms: Mapping[str, Tensor]
    """The unweighted terms and the weighted "total"; empty if no task had a pool."""
    seconds: float


class SourceFigures(NamedTuple):
    """The draws of one source in a step."""

    n_draws: int
    seconds: float
    """From their draw to their gradient, summed over draws and divided by the processes."""
    loss: float
    """Their mean total; NaN if no task had a pool."""

    def to_dict(self, n_tasks: int) -> dict[str, float]:
        """Return the JSON form, for draws of `n_tasks` tasks."""
        speed = n_tasks * self.n_draws / max(self.seconds, 1e-9)
        return {"loss": self.loss, "tasks_per_second": round(speed, 1)}


@dataclass(frozen=True, slots=True)
class StepFigures:
    """The figures of all draws of a step, and the norm of the gradient."""

    terms: dict[str, float]
    """Means over the draws that have the term."""
    grad_norm: float
    sources: dict[str, SourceFigures]

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
    # Sum and number of each term, then of each source: draws, seconds, sum and number of totals.
    sums = {name: [0.0, 0.0] for name in names}
    of_sources = {name: [0.0] * 4 for name in sources}
    for draw in draws:
        terms = {name: next(left) for name in draw.terms}
        for name, value in terms.items():
            sums[name][0] += value
            sums[name][1] += 1
        total = terms.get("total")
        added = (1, draw.seconds / processes.size, total or 0.0, float(total is not None))
        of_sources[draw.source] = [
            old + new for old, new in zip(of_sources[draw.source], added, strict=True)
        ]
    flat = [number for row in (*sums.values(), *of_sources.values()) for number in row]
    flat = processes.sum(torch.tensor(flat, dtype=torch.float64)).tolist()
    parts = [flat[start : start + 2] for start in range(0, len(flat), 2)]
    terms = {name: part[0] / part[1] for name, part in zip(names, parts, strict=False) if part[1]}
    figures = {}
    for number, name in enumerate(sources):
        (n_draws, seconds), (total, n_totals) = parts[len(names) + 2 * number :][:2]
        if n_draws:
            loss = total / n_totals if n_totals else math.nan
            figures[name] = SourceFigures(int(n_draws), seconds, loss)
    return StepFigures(terms, norm, figures)
