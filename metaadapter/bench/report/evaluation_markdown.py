"""The result of an evaluation in Markdown, and an overview of it for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report import words
from metaadapter.bench.report.by_shots import ByShots
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.evaluation_run import Row
from metaadapter.bench.report.template import Inert, render_text
from metaadapter.bench.report.text_table import aligned_table, markdown_table
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.features.looks import looks_in_words

BESIDE_ACCURACY = ("nll", "ece")
STRANGER_METRICS_OF_A_TERMINAL = ("unknown_auroc", "far_auroc")
Table = tuple[str, Markup]
"""A title and the table below it."""


def markdown(result: EvaluationResult) -> str:
    """Render a whole report, without figures and pictures."""
    further = [name for name in result.quality if name not in (*BESIDE_ACCURACY, *STRANGER_METRICS)]
    text = render_text(
        "evaluation.md.jinja",
        (words.fraction, words.part_suffix, _summary, _code),
        in_markdown,
        **_overview(result, in_markdown),
        heading=Markup("## "),
        subheading=Markup("### "),
        bullet=Markup("- "),
        further_tables=[*_metrics(result, further, in_markdown), *_pool_gains(result)],
        costs=_costs(result),
        judged=words.part_suffix(result.judged),
    )
    return text + "\n"


def overview(result: EvaluationResult) -> list[str]:
    """Accuracy, gains, log loss, calibration, ranks and integrity, as lines for a terminal."""
    text = render_text(
        "evaluation_overview.jinja",
        (words.part_suffix,),
        one_line,
        **_overview(result, one_line, STRANGER_METRICS_OF_A_TERMINAL),
        heading="",
        subheading="",
        bullet="",
    )
    return text.strip("\n").split("\n")


def _overview(
    result: EvaluationResult, inert: Inert, stranger_metrics: Sequence[str] | None = None
) -> dict[str, Any]:
    strangers = result.strangers
    metrics = strangers.metrics if strangers and stranger_metrics is None else stranger_metrics
    return {
        "result": result,
        "tables": [
            *_accuracies_and_gains(result, inert),
            *_metrics(result, BESIDE_ACCURACY, inert),
        ],
        "stranger_tables": [
            table
            for name in metrics or ()
            for table in _by_shots(
                result,
                words.metric_name(name),
                result.quality.get(name, {}),
                partial(words.metric_estimate, name=name),
                inert,
                strangers.methods if strangers else (),
            )
        ],
    }


def _accuracies_and_gains(result: EvaluationResult, inert: Inert) -> Iterator[Table]:
    for part in result.parts:
        place = next(iter(part.accuracy))
        where = place + words.part_suffix(part.part)
        title = f"Accuracy in %, {where}"
        yield from _by_shots(result, title, part.accuracy[place], words.points, inert)
        title = f"Gain of {result.reference} over each method, in points, {where}"
        yield from _by_shots(result, title, part.gain[place], words.signed, inert)


def _metrics(result: EvaluationResult, names: Sequence[str], inert: Inert) -> Iterator[Table]:
    for name in names:

        def mean(estimate: Estimate, name: str = name) -> str:
            return words.metric(estimate.mean, name)

        title = words.metric_name(name) + words.part_suffix(result.judged)
        yield from _by_shots(result, title, result.quality.get(name, {}), mean, inert)


def _by_shots(
    result: EvaluationResult,
    title: str,
    table: ByShots,
    cell: Callable[[Estimate], str],
    inert: Inert,
    methods: Sequence[str] | None = None,
) -> Iterator[Table]:
    """A table with a row for each method; none where no method has an estimate."""
    rows = {
        method: [cell(table[method][n]) if n in table[method] else "" for n in result.shots]
        for method in methods or result.methods
        if method in table
    }
    if rows:
        head = ["shots", *map(str, result.shots)]
        yield title, Markup(aligned_table(head, rows, inert))


def _pool_gains(result: EvaluationResult) -> Iterator[Table]:
    for pool_gain in result.pool_gain:
        variable = words.POOL_VARIABLES[pool_gain.by]
        shots = [f"{n} shot{'' if n == 1 else 's'}" for n in result.shots]
        for method in pool_gain.methods:
            rows = [
                [
                    " to ".join(words.pool_value(end, pool_gain.by) for end in (bin.low, bin.high)),
                    *(str(bin.n_tasks), str(bin.n_sets)),
                    *(words.signed(bin.gain[method][n]) for n in result.shots),
                ]
                for bin in pool_gain.bins
            ]
            title = f"Gain of {method} from the pool, in points, by {variable}"
            yield title, Markup(markdown_table([variable, "tasks", "sets", *shots], rows))


def _costs(result: EvaluationResult) -> Markup:
    rows = {
        method: [
            *(_number(cost[name], 1000.0) for name in ("fit_seconds", "predict_seconds")),
            *(_number(cost[name]) for name in ("peak_mib", "trained_parameters")),
        ]
        for method, cost in result.costs.items()
    }
    head = ["method", "fit, ms", "answer, ms", "memory, MiB", "numbers trained"]
    return Markup(aligned_table(head, rows, in_markdown))


def _number(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else f"{factor * value:,.4g}"


def _summary(facts: Row) -> str:
    """Size, encoder and identity of a set."""
    looks = looks_in_words(bool(facts.get("zoom")), facts.get("blocks") or ())
    return (
        f"{facts['n_pictures']} pictures of {facts['n_classes']} classes, "
        f"{facts['n_views']} view(s){looks}, {facts['fingerprint']}, identity {facts['identity']}"
    )


def _code(text: str) -> Markup:
    """A text between backticks: a piece of code ends at its first backtick."""
    return Markup(one_line(text).replace("`", r"\x60"))
