"""The result of a study: an evaluation on scenes, with the figures that camera traps need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from metaadapter.apps.field.frames import Frame
from metaadapter.apps.field.species import is_nothing, is_species
from metaadapter.bench.evaluation.cells import Cell, CellResult, read_cells
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.method_names import is_peer
from metaadapter.bench.evaluation.metrics import plain
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.evaluation.summary import Estimate, differences, means
from metaadapter.bench.evaluation.tables import CELL, table
from metaadapter.bench.report.evaluation_run import ByShots, by_shots
from metaadapter.bench.run import Evaluation
from metaadapter.bench.scenes.scenes import scenes_of
from metaadapter.data.table import ImageTable
from metaadapter.errors import UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.training.config_file import check_config

OF_EVALUATION = ("accuracy", "ece", "fit_seconds", "trained_parameters")
"""The measures that are those of the evaluation."""
# The factor of a 95 % interval is 12.7 for two draws and 4.3 for three: it says nothing.
FEWEST_DRAWS = 5

OVERALL = ""
"""The part of the rows with the figures of all classes; each other part is one class."""
MEASURES = ("macro_f1", "false_alarms", "missed")
RATES = ("precision", "recall", "f1")
Confusions = dict[Cell, Int[np.ndarray, "C C"]]


def in_scenes(table: ImageTable, frames: Sequence[Frame]) -> ImageTable:
    """Return the pictures with the scene of each as its group; `frames` have their times."""
    if sum(map(is_species, table.classes)) < 2:
        raise UsageError(
            f"a study needs at least two species, but the classes are {', '.join(table.classes)}"
        )
    rows = [
        replace(row, group=f"scene {scene}")
        for row, scene in zip(table.rows, scenes_of(frames), strict=True)
    ]
    return replace(table, rows=tuple(rows))


def study_config(
    store: Path, methods: Sequence[str], shots: Sequence[int], draws: int
) -> EvaluationConfig:
    """Return the evaluation that a study is."""
    values = {
        **{"stores": [str(store)], "by_group": True, "fewer_shots": True},
        **{"methods": [*methods], "shots": [*shots], "seeds": draws},
    }
    return check_config(EvaluationConfig, values, owner="the study")


@dataclass(frozen=True, slots=True)
class StudyResult:
    """All values that the report of a study shows."""

    source: str
    boxes: str
    """How frames were cut to boxes, in words; "" for whole frames."""
    counts: Mapping[str, int]
    n_scenes: Mapping[str, int]
    scene_sizes: Sequence[int]
    """The number of frames in each scene, the largest first."""
    near_copies: int
    """Frames that are left out because they are near copies of others."""
    species: Sequence[str]
    shots: Sequence[int]
    reached: Mapping[int, Mapping[str, Mapping[str, float]]]
    """Shots → class → mean number of labelled `frames`, and of the `scenes` they are from."""
    n_queries: float
    """The mean number of queries in a draw."""
    n_draws: int
    reference: str
    methods: Sequence[str]
    means: Mapping[str, ByShots]
    """Measure → method → shots → mean over draws; half-widths are NaN below `FEWEST_DRAWS`."""
    differences: ByShots
    """Method → shots → macro-F1 of the reference minus that of the method, draw by draw."""
    rates: Mapping[str, Mapping[str, Mapping[str, Estimate]]]
    """Method → class → `RATES` with the most shots."""
    confusion: Mapping[str, Mapping[str, int]]
    """True class → predicted class → queries in all draws, by the reference with most shots."""
    encoder: str
    fingerprint: str
    command: str
    versions: Mapping[str, str]

    @property
    def most(self) -> int:
        """The largest number of shots."""
        return self.shots[-1]

    def best_peer(self, shots: int) -> str | None:
        """Return the peer with the highest macro-F1 at this number of shots."""
        peers = [method for method in self.methods if is_peer(method)]
        of_all = self.means["macro_f1"]
        return max(peers, key=lambda method: of_all[method][shots].mean, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the half-width of an interval that is left out is null."""
        document: dict[str, Any] = plain(asdict(self))
        return document


def study_result(evaluation: Evaluation, source: str, boxes: str) -> StudyResult:
    """Compute the result of a study from its evaluation."""
    config = evaluation.config
    (data,) = load_sets(config)
    cells = read_cells(evaluation.folder)
    counts = confusions([cells[cell] for cell in config.cells()], len(data.classes))
    rows = field_rows(counts, data.classes)
    of_evaluation = evaluation.rows[[*CELL, *OF_EVALUATION]].assign(part=OVERALL)
    rows = rows.merge(of_evaluation, how="left", on=CELL)
    figures, overall = means(rows), rows[rows["part"] == OVERALL]
    gains = differences(overall, config.reference_name)
    gains = gains.assign(mean=0.0 - gains["mean"])
    if config.seeds < FEWEST_DRAWS:
        figures, gains = figures.assign(half=math.nan), gains.assign(half=math.nan)
    tables = {
        measure: by_shots(figures, data.name, OVERALL, measure)
        for measure in (*MEASURES, *OF_EVALUATION)
    }
    most, facts = config.ascending_shots[-1], evaluation.sets[data.name]
    return StudyResult(
        source=source,
        boxes=boxes,
        **_sizes(FeatureStore.open(config.own_stores[0])),
        **_drawn(data, config),
        near_copies=data.n_near_copies,
        species=[label for label in data.classes if is_species(label)],
        shots=config.ascending_shots,
        n_draws=config.seeds,
        reference=config.reference_name,
        methods=config.method_names,
        means={measure: of_methods for measure, of_methods in tables.items() if of_methods},
        differences=by_shots(gains, data.name, OVERALL, "macro_f1"),
        rates=_rates(figures, most),
        confusion=_confusion(counts, data.classes, config.reference_name, most),
        encoder=facts["encoder"],
        fingerprint=facts["fingerprint"],
        command=config.command,
        versions=evaluation.versions,
    )


def _rates(figures: pd.DataFrame, most: int) -> dict[str, dict[str, dict[str, Estimate]]]:
    rates: dict[str, dict[str, dict[str, Estimate]]] = {}
    chosen = figures[(figures["part"] != OVERALL) & (figures["n_shot"] == most)]
    for row in chosen[chosen["metric"].isin(RATES)].itertuples():
        of_class = rates.setdefault(row.method, {}).setdefault(row.part, {})
        of_class[row.metric] = Estimate(row.mean, row.half)
    return rates


def _confusion(
    counts: Confusions, classes: Sequence[str], method: str, n_shot: int
) -> dict[str, dict[str, int]]:
    chosen = (
        matrix for cell, matrix in counts.items() if (cell.method, cell.n_shot) == (method, n_shot)
    )
    total = pd.DataFrame(sum(chosen), index=classes, columns=classes)
    table: dict[str, dict[str, int]] = total.to_dict("index")
    return table


def _sizes(store: FeatureStore) -> dict[str, Any]:
    rows = store.rows.pictures()
    scenes = {(row.label, row.group) for row in rows}
    return {
        "counts": dict(sorted(Counter(row.label for row in rows).items())),
        "n_scenes": dict(sorted(Counter(label for label, _ in scenes).items())),
        "scene_sizes": sorted(Counter(row.group for row in rows).values(), reverse=True),
    }


def _drawn(data: EvaluationSet, config: EvaluationConfig) -> dict[str, Any]:
    """Return the labelled frames and scenes that draws really have, and their queries."""
    reached: dict[int, dict[str, dict[str, float]]] = {}
    n_queries = 0
    for seed in range(config.seeds):
        rows = draw_tasks(data, config, seed)
        n_queries += int((rows.query_TNQ >= 0).sum())
        for n_shot in config.ascending_shots:
            support_NK = rows.first(n_shot).support_TNK[0].numpy()
            for way, pictures in zip(rows.classes_TN[0].tolist(), support_NK, strict=True):
                of_class = reached.setdefault(n_shot, {}).setdefault(
                    data.classes[way], {"frames": 0.0, "scenes": 0.0}
                )
                frames = pictures[pictures >= 0]
                of_class["frames"] += len(frames) / config.seeds
                of_class["scenes"] += len(set(data.groups_n[frames])) / config.seeds
    in_order = {n_shot: dict(sorted(classes.items())) for n_shot, classes in reached.items()}
    return {"reached": in_order, "n_queries": n_queries / config.seeds}


def confusions(results: Iterable[CellResult], n_classes: int) -> Confusions:
    """Return, for each cell, the number of queries by true class × predicted class."""
    counts = {}
    for result in results:
        pairs = result.tables["confusion"]
        counts[result.cell] = np.zeros((n_classes, n_classes), dtype=int)
        np.add.at(counts[result.cell], (pairs["true"], pairs["predicted"]), pairs["count"])
    return counts


def field_rows(counts: Confusions, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each cell with the part `OVERALL`, and one for each class with `RATES`.

    - `macro_f1`: the mean F1 of the species that have queries, a fraction of 1.
    - `false_alarms`: how many of 1000 empty frames are predicted as a species; NaN without any.
    - `missed`: how many of 1000 frames of animals are predicted as no species.
    - `precision`, `recall`, `f1`: of one class, 0 if undefined.
    """
    rows = []
    for cell, matrix in counts.items():
        facts = {**cell._asdict(), "task": 0}
        rates = class_rates(matrix)
        rows.append({**facts, "part": OVERALL, **_overall(matrix, classes, rates["f1"])})
        rows += [
            {**facts, "part": label, **{name: float(of_all[c]) for name, of_all in rates.items()}}
            for c, label in enumerate(classes)
        ]
    names = [*CELL, "task", *MEASURES, *RATES]
    return table({name: [row.get(name) for row in rows] for name in names})


def class_rates(matrix: Int[np.ndarray, "C C"]) -> dict[str, np.ndarray]:
    """Return the precision, recall and F1 of each class; 0 where one is undefined."""
    right, true, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    return {
        "precision": right / predicted.clip(min=1),
        "recall": right / true.clip(min=1),
        "f1": 2 * right / (true + predicted).clip(min=1),
    }


def _overall(
    matrix: Int[np.ndarray, "C C"], classes: Sequence[str], f1: np.ndarray
) -> dict[str, float | None]:
    animal = np.array([is_species(label) for label in classes])
    empty = np.array([is_nothing(label) for label in classes])
    asked = animal & (matrix.sum(1) > 0)
    return {
        "macro_f1": float(f1[asked].mean()) if asked.any() else None,
        "false_alarms": _per_thousand(matrix, empty, animal),
        "missed": _per_thousand(matrix, animal, ~animal),
    }


def _per_thousand(
    matrix: Int[np.ndarray, "C C"], true: Bool[np.ndarray, " C"], predicted: Bool[np.ndarray, " C"]
) -> float | None:
    n = int(matrix[true].sum())
    return 1000 * int(matrix[true][:, predicted].sum()) / n if n else None
