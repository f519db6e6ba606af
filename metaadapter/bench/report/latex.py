"""The accuracies of a report as a table for LaTeX."""

from __future__ import annotations

import math

import pandas as pd

from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import at
from metaadapter.bench.report.words import LEVEL
from metaadapter.files.plain_text import one_line


def latex(result: EvaluationResult) -> str:
    """Return a table for the package booktabs: methods in rows, shots in columns, accuracy in %.

    The best accuracy of a column is bold. A star marks a method that differs from the reference.
    """
    place = next(iter(result.accuracy))
    accuracy, p = result.accuracy[place], result.p_by_class[place]
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
        f"Accuracy in %, {place}, by labelled pictures of a class, ± 95 % "
        f"interval over draws. *: differs from {result.reference} (p < {LEVEL} over classes, for "
        "all methods together)."
    )
    names = table.style.format(subset=["shots"], escape="latex").hide(axis="index")
    text: str = names.to_latex(column_format="l" + "r" * len(result.shots), hrules=True)
    return f"% \\usepackage{{booktabs}}\n% {one_line(caption)}\n{text}"
