"""The accuracies and gains of a report as a table for LaTeX, and as rows for a spreadsheet."""

from __future__ import annotations

import math

import pandas as pd

from metaadapter.bench.evaluation.metrics import plain
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_result import EvaluationResult, Part
from metaadapter.bench.report.evaluation_run import at
from metaadapter.bench.report.words import LEVEL, part_suffix
from metaadapter.data.plain_text import one_line
from metaadapter.data.table_file import Column, csv_table

TEXTS = ("part", "set", "method")
FIGURES = (
    *("n_shot", "accuracy", "half", "gain"),
    *("half_over_draws", "half_over_classes", "p_over_classes"),
)


def report_csv(result: EvaluationResult) -> bytes:
    """Return a row for each part, set, method and number of shots, as fractions of 1."""
    rows = [
        (part.part, place, method, n_shot, *_figures(part, place, method, n_shot))
        for part in result.parts
        for place, accuracy in part.accuracy.items()
        for method, by_shots in accuracy.items()
        for n_shot in by_shots
    ]
    columns = [*map(Column, TEXTS), *(Column(name, float) for name in FIGURES)]
    return csv_table(columns, plain(rows))


def _figures(part: Part, place: str, method: str, n_shot: int) -> tuple[float | None, ...]:
    accuracy, gain, by_class = (
        at(table[place], method, n_shot) or Estimate(math.nan, math.nan)
        for table in (part.accuracy, part.gain, part.gain_by_class)
    )
    p = at(part.p_by_class[place], method, n_shot)
    return accuracy.mean, accuracy.half, gain.mean, gain.half, by_class.half, p


def latex(result: EvaluationResult) -> str:
    """Return a table for the package booktabs: methods in rows, shots in columns, accuracy in %.

    The best accuracy of a column is bold. A star marks a method that differs from the reference.
    """
    tables = [_table(result, part) for part in result.parts]
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


def _table(result: EvaluationResult, part: Part) -> str:
    place = next(iter(part.accuracy))
    accuracy, p = part.accuracy[place], part.p_by_class[place]
    means = {n: [row[n].mean for row in accuracy.values() if n in row] for n in result.shots}

    def cell(method: str, n_shot: int) -> str:
        estimate = at(accuracy, method, n_shot)
        if estimate is None:
            return "--"
        text = f"{100 * estimate.mean:.1f}"
        text = rf"\textbf{{{text}}}" if estimate.mean == max(means[n_shot]) else text
        tested = at(p, method, n_shot)
        star = "$^*$" if tested is not None and tested < LEVEL else ""
        if math.isnan(estimate.half):
            return text + star
        return rf"{text}{star} {{\scriptsize$\pm${100 * estimate.half:.1f}}}"

    methods = [method for method in result.methods if method in accuracy]
    cells = {str(n): [cell(method, n) for method in methods] for n in result.shots}
    table = pd.DataFrame({"shots": list(map(one_line, methods)), **cells})
    caption = (
        f"Accuracy in %, {place}{part_suffix(part.part)}, by labelled pictures of a class, ± 95 % "
        f"interval over draws. *: differs from {result.reference} (p < {LEVEL} over classes, for "
        "all methods together)."
    )
    names = table.style.format(subset=["shots"], escape="latex").hide(axis="index")
    text: str = names.to_latex(column_format="l" + "r" * len(result.shots), hrules=True)
    return f"% {one_line(caption)}\n{text}"
