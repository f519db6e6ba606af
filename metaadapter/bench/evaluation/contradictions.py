"""Checks that the figures of one cell can come from the same answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from metaadapter.bench.evaluation.cell import Tables
from metaadapter.bench.evaluation.metrics import N_BINS

# Rounding of sums over many answers.
TOLERANCE = 1e-6
Columns = Mapping[str, np.ndarray]


def contradictions(tables: Tables) -> list[str]:
    """Return what the tables of a cell (`metrics.cell_tables`) contradict in one another.

    Of an answer with confidence c (the largest probability) and probability p of the correct class:
    if it is correct, p = c; if it is wrong, p ≤ min(c, 1 − c) ≤ 1/2. So a wrong answer has a log
    loss of at least ln 2 and a Brier score of at least 1/2. Bins of confidence give tighter bounds.
    """
    texts = []
    for part in dict.fromkeys(tables["rows"]["part"]):
        rows, pairs, bins, mistakes = (
            _of_part(tables[name], part) for name in ("rows", "confusion", "bins", "mistakes")
        )
        rows = {name: column[rows["n_query"] > 0] for name, column in rows.items()}
        texts += [*_counts(rows, pairs, bins), *_of_rows(rows), *_of_bins(rows, bins, mistakes)]
    return texts


def _of_part(columns: Mapping[str, list[object]], part: str) -> Columns:
    chosen = np.array([value == part for value in columns["part"]], dtype=bool)
    return {
        name: np.array(values, dtype=float)[chosen]
        for name, values in columns.items()
        if name != "part"
    }


def _counts(rows: Columns, pairs: Columns, bins: Columns) -> Iterator[str]:
    correct_T = rows["accuracy"] * rows["n_query"]
    if (np.abs(correct_T - correct_T.round()) > TOLERANCE * rows["n_query"]).any():
        yield "the accuracy of a task is no whole number of its queries"
    is_correct = pairs["true"] == pairs["predicted"]
    for noun, counts in (
        ("queries", (rows["n_query"].sum(), pairs["count"].sum(), bins["n"].sum())),
        (
            "correct answers",
            (correct_T.sum(), pairs["count"][is_correct].sum(), bins["right"].sum()),
        ),
    ):
        if np.ptp(counts) > 0.5:
            of_rows, of_pairs, of_bins = (f"{count:.0f}" for count in counts)
            yield (
                f"the rows have {of_rows} {noun}, the confusions {of_pairs}, and the bins of "
                f"confidence {of_bins}"
            )


def _of_rows(rows: Columns) -> Iterator[str]:
    wrong_T = 1 - rows["accuracy"]
    for name, metric, least_T in (
        ("log loss", "nll", np.maximum(wrong_T * math.log(2), rows["brier"] / 2)),
        ("Brier score", "brier", wrong_T / 2),
    ):
        (task, *_) = *np.flatnonzero(rows[metric] < least_T - TOLERANCE), None
        if task is not None:
            yield (
                f"a {name} of {rows[metric][task]:.3f} beside an accuracy of "
                f"{100 * rows['accuracy'][task]:.1f} %, which needs {least_T[task]:.3f} or more"
            )


def _of_bins(rows: Columns, bins: Columns, mistakes: Columns) -> Iterator[str]:
    n_T, n, right_B = rows["n_query"], rows["n_query"].sum(), bins["right"]
    if not n or bins["n"].sum() != n:
        return
    wrong_B = bins["n"] - right_B
    low_B, high_B = bins["bin"] / N_BINS, (bins["bin"] + 1) / N_BINS
    low_B = np.maximum(low_B, 1 / rows["n_way"].max())
    high_B = np.maximum(high_B, low_B)
    # The largest probability of the correct class beside a wrong answer.
    own_B = np.minimum(np.minimum(high_B, 1 - low_B), 0.5)
    gaps_B = np.abs(bins["confidence"] - right_B)
    with np.errstate(divide="ignore", invalid="ignore"):
        most_loss = np.inf
        if wrong_B.sum() == len(mistakes["own"]):  # the table has all wrong answers
            most_loss = right_B @ -np.log(low_B) - np.log(mistakes["own"]).sum()
        least_wrong_B = np.where(wrong_B > 0, wrong_B * -np.log(own_B), 0)
    for name, metric, least, most in (
        ("log loss", "nll", right_B @ -np.log(high_B) + least_wrong_B.sum(), most_loss),
        (
            "Brier score",
            "brier",
            right_B @ (1 - high_B) ** 2
            + wrong_B @ (np.maximum(low_B, own_B) ** 2 + (1 - own_B) ** 2),
            right_B @ (2 * (1 - low_B) ** 2) + wrong_B @ (1 + high_B),
        ),
        ("calibration error", "ece", gaps_B.sum(), gaps_B.sum() if len(n_T) == 1 else np.inf),
    ):
        total = rows[metric] @ n_T
        if not least - n * TOLERANCE <= total <= most + n * TOLERANCE:
            yield (
                f"a mean {name} of {total / n:.3f}, but by the confidence of the answers it is at "
                f"least {least / n:.3f}"
                + (f" and at most {most / n:.3f}" if np.isfinite(most) else "")
            )
