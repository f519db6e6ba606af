"""The methods that were measured on strangers, and how they recognize them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.known_answers import COVERAGE, KEEP
from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.report.evaluation_run import ByShots


@dataclass(frozen=True, slots=True)
class Strangers:
    """The part of a report on strangers; the figures are in `EvaluationResult.quality`."""

    told: str
    """A description of the strangers, and of the scores that recognize them."""
    methods: tuple[str, ...]
    """In the order of the configuration, also those that share the answers of another method."""
    metrics: tuple[str, ...]
    """The names of the metrics that were measured."""


def strangers_of(config: EvaluationConfig, quality: Mapping[str, ByShots]) -> Strangers | None:
    """Describe the strangers of an evaluation; None if its tasks had none.

    Args:
        config: The configuration of the evaluation.
        quality: A table for each metric that was measured.
    """
    metrics = tuple(name for name in STRANGER_METRICS if quality.get(name))
    if not metrics:
        return None
    methods = tuple(
        method
        for method in config.method_names
        if any(method in quality[metric] for metric in metrics)
    )
    return Strangers(_description(config, "kept" in metrics), methods, metrics)


def _description(config: EvaluationConfig, has_thresholds: bool) -> str:
    sentences = []
    if config.unknown:
        sentences.append(
            "Near strangers are pictures of other classes of the same set: "
            f"{100 * config.unknown:.0f} % of a task's classes, of which methods saw nothing."
        )
    if config.strangers:
        names = ", ".join(Path(store).name for store in config.strangers)
        sentences.append(
            f"Far strangers are pictures of other sets ({names}). Classes with the name of one of "
            "the set's classes are left out; a synonym is not noticed."
        )
    sentences.append(
        "The area under the ROC curve is the probability that a method scores a known picture "
        "above a stranger. The score is that of the adapter's own head, or else the largest "
        "probability; a method with @ and a name behind it uses the published score of that name."
    )
    if has_thresholds:
        sentences.append(
            "Kept are the pictures above the threshold that an adapter predicts for "
            f"{100 * KEEP:.0f} % of known pictures; its sets of classes should hold the right "
            f"class in {100 * COVERAGE:.0f} % of the answers."
        )
    return " ".join(sentences)
