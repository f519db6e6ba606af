"""The result of an evaluation in Markdown, and the first part of it for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_result import ByShots, EvaluationResult
from metaadapter.bench.report.words import (
    POOL_VARIABLES,
    fraction,
    metric,
    metric_estimate,
    metric_name,
    part_told,
    points,
    pool_value,
    signed,
)
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.features.looks import looks_in_words

BESIDE_ACCURACY = ("nll", "ece")
OF_STRANGERS = ("unknown_auroc", "far_auroc")
Shown = Callable[[str], str]


def markdown(result: EvaluationResult) -> str:
    """A whole report, without figures and pictures."""
    lines = [
        f"# {in_markdown(result.reference)} beside {len(result.methods) - 1} other method(s)",
        *("", in_markdown(result.headline), ""),
        "\n".join(_overview(result, in_markdown, "## ", "- ")).strip("\n"),
        *(
            line
            for name in result.quality
            if name not in (*BESIDE_ACCURACY, *STRANGER_METRICS)
            for line in _metric(result, name, in_markdown, "## ")
        ),
        *_pool_gains(result),
        *_costs(result),
        *_errors(result),
        *_provenance(result),
        "",
    ]
    return "\n".join(lines)


def overview(result: EvaluationResult) -> list[str]:
    """Accuracy, gains over each, log loss, calibration, ranks, integrity: a terminal's lines."""
    return "\n".join(_overview(result, one_line)).strip("\n").split("\n")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the head, a rule, and a line a row; each row has as many cells as the head."""
    first, *others = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([first, "|---" * len(head) + "|", *others])


def _overview(
    result: EvaluationResult, shown: Shown, heading: str = "", bullet: str = ""
) -> Iterator[str]:
    for part in result.parts:
        place = next(iter(part.accuracy))
        told = place + part_told(part.part)
        title = f"{heading}Accuracy in %, {shown(told)}"
        yield from _by_shots(result, title, part.accuracy[place], points, shown)
        title = f"{heading}{shown(f'What {result.reference} gains over each, in points, {told}')}"
        yield from _by_shots(result, title, part.gain[place], signed, shown)
    for name in BESIDE_ACCURACY:
        yield from _metric(result, name, shown, heading)
    yield from _none_of_these(result, shown, heading)
    for part in result.parts:
        if part.ranks is not None:
            listed = ", ".join(f"{method} {rank:.1f}" for method, rank in part.ranks.mean.items())
            pairs = "pair" if part.ranks.n_blocks == 1 else "pairs"
            told = f"{part.ranks.n_blocks} {pairs} of set and shots{part_told(part.part)}"
            yield (
                f"\nMean ranks over {shown(told)} (critical difference "
                f"{part.ranks.critical_difference:.1f}): {shown(listed)}"
            )
    yield ""
    for box in result.boxes:
        yield bullet + shown(f"{box.status}: {box.name}: {box.detail}")


def _by_shots(
    result: EvaluationResult,
    title: str,
    table: ByShots,
    cell: Callable[[Estimate], str],
    shown: Shown,
    methods: Sequence[str] | None = None,
) -> Iterator[str]:
    rows = {
        method: [cell(table[method][n]) if n in table[method] else "" for n in result.shots]
        for method in methods or result.methods
        if method in table
    }
    if rows:
        yield from ("", title, "", aligned_table(["shots", *map(str, result.shots)], rows, shown))


def _metric(result: EvaluationResult, name: str, shown: Shown, heading: str) -> Iterator[str]:
    title = heading + shown(metric_name(name) + part_told(result.judged))
    table = result.quality.get(name, {})
    yield from _by_shots(result, title, table, lambda each: metric(each.mean, name), shown)


def _none_of_these(result: EvaluationResult, shown: Shown, heading: str) -> Iterator[str]:
    """How strangers were told; a terminal has the areas under the curve alone."""
    if (found := result.strangers) is None:
        return
    if heading:
        yield from ("", f"{heading}None of these", "", shown(found.told))
    for name in found.metrics if heading else OF_STRANGERS:
        title = f"#{heading}{shown(metric_name(name))}" if heading else metric_name(name)
        cell = partial(metric_estimate, name=name)
        table = result.quality.get(name, {})
        yield from _by_shots(result, title, table, cell, shown, found.methods)


def _pool_gains(result: EvaluationResult) -> Iterator[str]:
    for found in result.pool_gain:
        variable = POOL_VARIABLES[found.by]
        for method in found.methods:
            rows = [
                [
                    " to ".join(pool_value(end, found.by) for end in (each.low, each.high)),
                    *(str(each.n_tasks), str(each.n_sets)),
                    *(signed(each.gain[method][n]) for n in result.shots),
                ]
                for each in found.bins
            ]
            told = f"What the pool changes for {method}, in points, by {variable}"
            shots = [f"{n} shot{'' if n == 1 else 's'}" for n in result.shots]
            head = [variable, "tasks", "sets", *shots]
            yield from ("", f"## {in_markdown(told)}", "", markdown_table(head, rows))


def _costs(result: EvaluationResult) -> Iterator[str]:
    rows = {
        method: [
            *(_number(cost[name], 1000.0) for name in ("fit_seconds", "predict_seconds")),
            *(_number(cost[name]) for name in ("peak_mib", "trained_parameters")),
        ]
        for method, cost in result.costs.items()
    }
    title = f"## Cost of a task with {result.shots[-1]} shot(s), mean over sets and draws"
    head = ["method", "fit, ms", "answer, ms", "memory, MiB", "numbers trained"]
    told = in_markdown(part_told(result.judged))
    yield from ("", title + told, "", aligned_table(head, rows, in_markdown))


def _errors(result: EvaluationResult) -> Iterator[str]:
    for found in result.sets:
        told = f"{found.name}: where {result.reference} errs{part_told(result.judged)}"
        yield from ("", f"## {in_markdown(told)}", "")
        for each in found.confusions:
            true, predicted = found.names[each["true"]], found.names[each["predicted"]]
            yield (
                f"- {in_markdown(f'{true} is predicted to be {predicted}')} in "
                f"{fraction(each['n'] / each['n_true'])} of the answers about it ({each['n']} of "
                f"{each['n_true']})"
            )
        for told, classes in (("hardest", found.hardest), ("easiest", found.easiest)):
            if classes:
                listed = [
                    f"{in_markdown(found.names[each['name']])} {fraction(each['recall'])}"
                    for each in classes
                ]
                yield f"- {told}: {', '.join(listed)}"


def _provenance(result: EvaluationResult) -> Iterator[str]:
    yield from ("", "## How it was measured", "", f"{in_markdown(result.intervals)}.", "")
    if result.pool:
        yield from (in_markdown(result.pool), "")
    for found in result.sets:
        facts, name = found.facts, in_markdown(found.name)
        seen = looks_in_words(bool(facts.get("zoom")), facts.get("blocks") or ())
        told = in_markdown(
            f"{facts['n_pictures']} pictures of {facts['n_classes']} classes, "
            f"{facts['n_views']} view(s){seen}, "
            f"{facts['fingerprint']}, identity {facts['identity']}"
        )
        yield f"- {name}: {told}"
        if left_out := facts.get("left_out"):
            listed = in_markdown(", ".join(left_out))
            yield f"- {name}: left out for want of pictures: {listed}"
    versions = in_markdown(", ".join(map(" ".join, result.versions.items())))
    yield f"- seeds {', '.join(map(str, result.seeds))}; record {result.record}; {versions}"
    # A piece of code ends at its first backtick.
    command = one_line(result.command).replace("`", r"\x60")
    yield f"- `{command}`"


def aligned_table(head: list[str], rows: dict[str, list[str]], shown: Shown) -> str:
    """A table that a terminal shows in columns too."""
    table = [head, *([shown(name), *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in table]
    return markdown_table(padded[0], padded[1:])


def _number(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else f"{factor * value:,.4g}"
