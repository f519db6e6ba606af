"""What an evaluation found of pictures that show none of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.known_answers import COVERAGE, KEEP
from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.report.evaluation_result import ByShots, StrangersFound
from metaadapter.bench.report.evaluation_run import EvaluationRun


def strangers_found(run: EvaluationRun, figures: Mapping[str, ByShots]) -> StrangersFound | None:
    """What to show of them; None where tasks had no strangers.

    `figures` has a table for each metric that was measured.
    """
    metrics = tuple(name for name in STRANGER_METRICS if figures.get(name))
    if not metrics:
        return None
    methods = tuple(
        method
        for method in run.config.method_names
        if any(method in figures[metric] for metric in metrics)
    )
    return StrangersFound(_told(run.config, "kept" in metrics), methods, metrics)


def _told(config: EvaluationConfig, has_thresholds: bool) -> str:
    told = []
    if config.unknown:
        told.append(
            "Near strangers are pictures of other classes of the same set: "
            f"{100 * config.unknown:.0f} % of a task's classes, of which methods saw nothing."
        )
    if config.strangers:
        names = ", ".join(Path(store).name for store in config.strangers)
        told.append(
            f"Far strangers are pictures of other sets ({names}), those left out whose class has "
            "the name of one of the set's; another word for the same thing is not noticed."
        )
    told.append(
        "The area under the ROC curve is the chance that a method is surer of a known picture than "
        "of a stranger. It is sure by its adapter's own head for this, or else by its largest "
        "probability; with @ and a name behind it, by the published score of that name."
    )
    if has_thresholds:
        told.append(
            "Kept are pictures above the threshold that an adapter itself gives for "
            f"{100 * KEEP:.0f} % of known pictures; its sets of classes are asked to hold the "
            f"right one in {100 * COVERAGE:.0f} % of the answers."
        )
    return " ".join(told)
