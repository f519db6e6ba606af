"""`SeveralBench`: the sets, draws and methods of an evaluation of several labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, final

import pandas as pd
import torch

from episodes import EpisodeRows
from metaadapter.bench.evaluation.bench import Bench, Summary
from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.method import UNTRAINED, Measured
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.tables import draw_table, gathered, table
from metaadapter.bench.several.methods import METHODS, several_default
from metaadapter.bench.several.tasks import SeveralRows, SeveralSet, SeveralTask, draw_task
from metaadapter.data.code_identity import code_identity
from metaadapter.errors import UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.accuracy import LabelScores, label_scores

SCORES = LabelScores._fields[:4]
GROUP = ["set", "shots", "method"]
NAMES = {"store": "set", "n_shot": "shots"}

_last_draw = lru_cache(maxsize=1)(draw_task)


@final
class SeveralBench(Bench):
    """The `Bench` for a configuration with `several`; the queries depend on the shots."""

    intervals: ClassVar[str] = "means over draws of classes and pictures (seeds), without intervals"

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        if device.type == "mps":
            raise UsageError(
                "pictures of several labels are calculated in double precision, which --device "
                f"{device} (Apple's GPU) does not have; give --device cpu"
            )
        super().__init__(config, device)
        self.methods = {name: load_several(name) for name in config.method_names}
        self._sets = {
            data.name: SeveralSet.of(data, FeatureStore.open(folder), str(device))
            for data, folder in zip(self.sets.values(), config.own_stores, strict=True)
        }

    def facts(self, data: EvaluationSet) -> dict[str, Any]:
        """Return what a report shows of a set, whose classes are single labels."""
        several = self._sets[data.name]
        counts = zip(several.classes, several.shows_NC.sum(0).tolist(), strict=True)
        left_out = {name: count for name, count in counts if count <= max(self.config.shots)}
        # Near copies stay, because tasks of several labels do not look at them.
        sizes = {"n_pictures": len(several.cells), "n_classes": len(several.classes)}
        return data.to_dict() | {**sizes, "near_copies": 0, "left_out": left_out}

    @property
    def identity(self) -> str:
        """A text that changes with the code that draws and scores, but not with a method."""
        return code_identity(draw_task, label_scores)

    def draw(self, store: str, n_shot: int, seed: int) -> SeveralRows:
        """Return the task of a set, a number of shots and a seed; the last result is cached."""
        return _last_draw(self._sets[store], self.config.ways, n_shot, seed)

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its scores, in percent."""
        rows = self.draw(cell.store, cell.n_shot, cell.seed)
        task = SeveralTask.of(self._sets[cell.store], rows)
        p_QC, threshold_C = self.methods[cell.method].fit(task, self.device)
        scores = label_scores(p_QC, task.shows_QC, threshold_C).to_dict()
        size = {"n_pictures": len(rows.support), "n_queries": len(rows.queries)}
        return {"scores": {name: [value] for name, value in {**size, **scores}.items()}}

    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Return tables and figures from the results of all cells."""
        scores = table(gathered(results, "scores")).rename(columns=NAMES)
        draws = pd.concat(
            [
                self._draw_table(data, n_shot, seed)
                for data in self.sets.values()
                for n_shot in self.config.ascending_shots
                for seed in range(self.config.seeds)
            ],
            ignore_index=True,
        )
        means = scores.groupby(GROUP, sort=False)[[*SCORES]].mean().reset_index()
        return Summary(draws, draws, {"scores": scores}, {"means": means})

    def _draw_table(self, data: EvaluationSet, n_shot: int, seed: int) -> pd.DataFrame:
        drawn = self.draw(data.name, n_shot, seed)
        one, none = torch.zeros(1, 1, dtype=torch.int64), torch.empty(1, 0, dtype=torch.int64)
        support, queries = (
            torch.from_numpy(side)[None, None] for side in (drawn.support, drawn.queries)
        )
        rows = EpisodeRows(one, support, none[None], queries, none, none)
        pictures = draw_table([(data, seed, rows, None)])
        cells = [self._sets[data.name].cells[number] for number in pictures["picture"]]
        # A support of fewer shots is no part of a larger one, so each has a task of its own.
        return pictures.assign(task=n_shot, **{"class": cells})


def load_several(name: str) -> Measured:
    """Return the method of a name; raise `UsageError` for an unknown one."""
    if name not in METHODS:
        raise UsageError(f"expected methods of several labels ({', '.join(METHODS)}), got {name!r}")
    code = code_identity(METHODS[name])
    if METHODS[name] is not several_default:
        return Measured(name, code, METHODS[name], UNTRAINED)
    default = load_method(name)
    return Measured(name, f"{code} {default.identity}", several_default, default.meta_training)
