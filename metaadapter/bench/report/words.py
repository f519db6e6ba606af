"""The words of a report: numbers, names of metrics and methods, and notes, as readers see them."""

from __future__ import annotations

import math
from collections.abc import Collection

from metaadapter.bench.evaluation.methods.method_names import JOINT, LABELLED
from metaadapter.bench.evaluation.sets.name_level import MADE, OWN
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.names_axis import AgainstBest, NamesAxis
from metaadapter.files.plain_text import one_line

LEVEL = 0.05
"""The level of the tests of differences."""

METRIC_NAMES = {
    "accuracy": "Accuracy, %",
    "balanced_accuracy": "Balanced accuracy, %",
    "macro_f1": "Macro-F1, %",
    "nll": "Log loss, nats (small is good)",
    "brier": "Brier score (small is good)",
    "ece": "Calibration error, % (small is good)",
    "unknown_auroc": "AUROC of near strangers, %",
    "far_auroc": "AUROC of far strangers, %",
    "kept": "Known pictures kept, %",
    "kept_near": "Near strangers kept, % (small is good)",
    "kept_far": "Far strangers kept, % (small is good)",
    "set_coverage": "Sets that hold the right class, %",
    "set_size": "Classes in a set (small is good)",
    "average": "Average over the tasks learned, %",
    "transfer": "Transfer to tasks not yet learned, %",
    "forgetting": "Forgetting, % (small is good)",
    "right_task": "Answers in the right task, %",
    "kb_a_class": "kB kept a class (small is good)",
}
"""A metric in % is a fraction of 1 in the tables."""

METHOD_NOTES = {
    "default": "the generator that ships with metaadapter: it predicts an adapter in one forward "
    "pass, without gradients",
    "finetune": "the prediction of default, refined by gradient steps, as many as improve the "
    "answers on pictures left out of the support",
    "closed-form": "the generator before any training",
    "inside bottleneck": "bottlenecks after blocks of the image tower, trained on the labelled "
    "pictures, and the prediction of default from the features of that tower",
}
"""Method → note, for methods whose names are not from a publication."""

SUFFIX_NOTES = {
    JOINT: "the method sees only the joint block of features",
    LABELLED: "the method sees only the labelled pictures, not the pool",
}

SCORE_NOTES = {
    "@msp": "the largest probability (Hendrycks & Gimpel, 2017)",
    "@energy": "the energy of the logits (Liu et al., 2020)",
    "@mcm": "the cosines with the class names (MCM, Ming et al., 2022)",
    "@neglabel": "comparison with words far from the class names (NegLabel, Jiang et al., 2024)",
}
"""Suffix of a method's name → the score that recognizes strangers."""

LONGEST_NAME = 18


def method_notes(methods: Collection[str]) -> dict[str, str]:
    """Return name or suffix → note, for the methods whose names are not from a publication."""
    notes = {name: note for name, note in METHOD_NOTES.items() if name in methods}
    for suffix, note in SUFFIX_NOTES.items():
        if any(name.endswith(suffix) for name in methods):
            notes[f"…{suffix}"] = note
    return notes


def score_notes(methods: Collection[str]) -> dict[str, str]:
    """Return suffix → note, for the scores in the names of the methods."""
    return {
        f"…{suffix}": f"the same labels, but strangers are recognized by {score}"
        for suffix, score in SCORE_NOTES.items()
        if any(name.endswith(suffix) for name in methods)
    }


def pool_note(kind: str | None, size: int) -> str:
    """Return a note on the pools and the methods that read them; "" without pools."""
    if kind is None:
        return ""
    return (
        f"Each task had a pool of {size} unlabelled pictures a class ({kind}), or fewer if no "
        "more were left; none of them is in its support or queries. The generators and the pool "
        f"peers read the pool; other peers and methods with {LABELLED} in their names do not."
    )


def short(name: str) -> str:
    """Return the end of a name, short enough for a figure; the end of a path says most."""
    name = one_line(name)
    return name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]


def points(estimate: Estimate) -> str:
    """Return a fraction and its interval as a percentage."""
    return _with_half(f"{100 * estimate.mean:.1f}", estimate)


def signed(estimate: Estimate) -> str:
    """Return a difference of fractions and its interval in percentage points."""
    return _with_half(signed_points(estimate.mean), estimate)


def gain(over_draws: Estimate, over_classes: Estimate | None, p: float | None) -> str:
    """Return a difference with its half-widths over draws / over classes, in percentage points.

    A star marks p below `LEVEL`.
    """
    text = signed(over_draws)
    if over_classes is None or p is None:
        return text
    return f"{text} / {100 * over_classes.half:.1f}{' *' if p < LEVEL else ''}"


def signed_points(difference: float) -> str:
    """Return a difference of fractions in percentage points; no sign if it rounds to 0."""
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def names_title(axis: NamesAxis) -> str:
    """Return the title of a table of an axis of names."""
    cones = " in cones" if axis.in_cones else ""
    return f"{METRIC_NAMES[axis.metric]}, by {MADE}{cones}: against the best peer"


def names_rows(axis: NamesAxis) -> dict[str, list[str]]:
    """Return the rows of a table: level → accuracy of the names alone, then a cell by shots."""
    rows = {
        f"{level} names" if level == OWN else f"{MADE} {level}": [
            f"{100 * axis.zero_shot[level]:.1f}",
            *(against_best(cell, axis.metric) for cell in axis.best[level].values()),
        ]
        for level in axis.best
    }
    mean = sum(axis.zero_shot[level] for level in axis.levels) / len(axis.levels)
    for name, row in (
        (f"mean of {MADE}", axis.mean_best),
        (f"mean of {MADE}, one peer", axis.mean_single),
    ):
        cells = (against_best(cell, axis.metric) for cell in row.values())
        rows[name] = [f"{100 * mean:.1f}", *cells]
    return rows


def against_best(cell: AgainstBest, name: str) -> str:
    """Return the figures of the reference and of the peer in a metric, and the difference."""
    reference, peer = (metric(value, name) for value in (cell.reference, cell.of_peer))
    in_nats = cell.difference.signed().replace("-", "−")
    difference = signed(cell.difference) if name == "accuracy" else in_nats
    return f"{reference} / {' '.join(filter(None, (peer, cell.peer)))} ({difference})"


def metric_name(name: str) -> str:
    """Return the title of a metric; for the user's own metric, the name of its function."""
    return METRIC_NAMES.get(name, name)


def metric(value: float, name: str) -> str:
    """Return the value of a metric in the unit that `metric_name` states."""
    if name not in METRIC_NAMES:
        return f"{value:.3g}"
    if "%" not in METRIC_NAMES[name]:
        return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
    return f"{100 * value:.1f}".replace("-", "−")


def metric_estimate(estimate: Estimate, name: str) -> str:
    """Return the value of a metric with its interval, if there is more than one draw."""
    mean = metric(estimate.mean, name)
    if math.isnan(estimate.half):
        return mean
    return f"{mean} ± {metric(estimate.half, name)}"


def fraction(value: float | None) -> str:
    """Return a fraction as a whole percentage; only 1 becomes 100 %."""
    if value is None:
        return "–"
    # A no-break space keeps number and unit on one line.
    return "over 99\u00a0%" if 0.995 <= value < 1 else f"{100 * value:.0f}\u00a0%"


def _with_half(mean: str, estimate: Estimate) -> str:
    return mean if math.isnan(estimate.half) else f"{mean} ± {100 * estimate.half:.1f}"
