"""The accuracies and gains of a report as a table for LaTeX, and as rows for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_result import EvaluationResult, Part
from metaadapter.bench.report.words import LEVEL, part_suffix
from metaadapter.data.plain_text import csv_bytes, one_line

COLUMNS = (
    *("part", "set", "method", "n_shot", "accuracy", "half"),
    *("gain", "half_over_draws", "half_over_classes", "p_over_classes"),
)
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}


def csv_table(result: EvaluationResult) -> bytes:
    """Return a row for each part, set, method and number of shots, as fractions of 1."""
    rows = (row for part in result.parts for place in part.accuracy for row in _rows(part, place))
    return csv_bytes([COLUMNS, *rows], line_end="\n")


def _rows(part: Part, place: str) -> Iterator[list[object]]:
    for method, by_shots in part.accuracy[place].items():
        for n_shot, accuracy in by_shots.items():
            gain, by_class = (
                table[place].get(method, {}).get(n_shot, Estimate(float("nan"), float("nan")))
                for table in (part.gain, part.gain_by_class)
            )
            p = part.p_by_class[place].get(method, {}).get(n_shot, float("nan"))
            figures = (*_both(accuracy), *_both(gain), by_class.half, p)
            shown = ("" if number != number else float(f"{number:.6g}") for number in figures)
            yield [part.part, place, method, n_shot, *shown]


def _both(estimate: Estimate) -> tuple[float, float]:
    return estimate.mean, estimate.half


def latex(result: EvaluationResult) -> str:
    """Return a table for the package booktabs: methods in rows, shots in columns, accuracy in %.

    The best accuracy of a column is bold. A star marks a method that differs from the reference.
    """
    tables = [_table(result, part) for part in result.parts]
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


def _table(result: EvaluationResult, part: Part) -> str:
    place = next(iter(part.accuracy))
    accuracy, p = part.accuracy[place], part.p_by_class[place]
    best = {
        n: max(of_method[n].mean for of_method in accuracy.values() if n in of_method)
        for n in result.shots
        if any(n in of_method for of_method in accuracy.values())
    }

    def cell(method: str, n_shot: int) -> str:
        if n_shot not in accuracy[method]:
            return "--"
        estimate = accuracy[method][n_shot]
        text = f"{100 * estimate.mean:.1f}"
        text = rf"\textbf{{{text}}}" if estimate.mean == best[n_shot] else text
        half = (
            ""
            if estimate.half != estimate.half
            else rf" {{\scriptsize$\pm${100 * estimate.half:.1f}}}"
        )
        return text + ("$^*$" if p.get(method, {}).get(n_shot, 1.0) < LEVEL else "") + half

    lines = [
        " & ".join([_escaped(method), *(cell(method, n) for n in result.shots)]) + r" \\"
        for method in result.methods
        if method in accuracy
    ]
    caption = (
        f"Accuracy in %, {place}{part_suffix(part.part)}, by labelled pictures of a class, ± 95 % "
        f"interval over draws. *: differs from {result.reference} (p < {LEVEL} over classes, for "
        "all methods together)."
    )
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * len(result.shots)}}} % {one_line(caption)}",
            r"\toprule",
            " & ".join(["shots", *map(str, result.shots)]) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in one_line(text))
