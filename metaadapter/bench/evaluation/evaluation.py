"""The figures of an evaluation, and the checks that support them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import Ranks, records


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation, of independent tasks or of a sequence of tasks."""

    folder: Path
    config: EvaluationConfig
    n_measured: int
    """Cells that this run measured; the others were measured before."""
    rows: pd.DataFrame
    """The figures of each task."""
    means: pd.DataFrame
    """Columns method, store, part, n_shot, metric, mean, half and n_draws; of a sequence method,
    n_shot, measure, mean, half and n_draws."""
    differences: pd.DataFrame
    """Each method less the reference, draw by draw, in the same columns."""
    ranks: dict[str, Ranks]
    """Part of the classes → ranks; empty for a sequence."""
    boxes: tuple[Box, ...]
    """The checks of integrity."""
    intervals: str
    """What the intervals cover."""
    sets: dict[str, dict[str, Any]]
    """Name → pictures, classes and encoder."""
    versions: dict[str, str]
    """Package → version."""

    @property
    def figures(self) -> pd.DataFrame:
        """The means, by the name that the JSON form of a sequence gives them."""
        return self.means

    @property
    def failed(self) -> tuple[Box, ...]:
        """Failed checks: these figures cannot be trusted."""
        return tuple(box for box in self.boxes if box.status == "fail")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        if self.config.continual:
            figures: dict[str, Any] = {"figures": records(self.means)}
        else:
            figures = {"means": records(self.means)}
        figures["differences"] = records(self.differences)
        if not self.config.continual:
            figures["ranks"] = {part: asdict(ranks) for part, ranks in self.ranks.items()}
        return {
            "run": str(self.folder),
            "config": self.config.model_dump(mode="json"),
            "n_cells": len(self.config.cells()),
            "n_measured": self.n_measured,
            "intervals": self.intervals,
            "reference": self.config.reference_name,
            **figures,
            "integrity": [box.to_dict() for box in self.boxes],
            "sets": self.sets,
            "versions": self.versions,
        }
