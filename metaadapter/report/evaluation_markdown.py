"""The result of an evaluation in Markdown, which a terminal shows well too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.markdown_table import markdown_table
from metaadapter.features.prompts import readable_name
from metaadapter.report.evaluation_result import ByShots, EvaluationResult
from metaadapter.report.words import METRIC_NAMES, metric, part_told, points, share, signed

__all__ = ["markdown", "overview"]


def markdown(result: EvaluationResult) -> str:
    """A whole report, without figures and pictures."""
    return "\n".join(
        [
            f"# {result.reference} beside {len(result.methods) - 1} other method(s)",
            *("", result.headline, ""),
            overview(result, heading="## "),
            *_quality(result),
            *_costs(result),
            *_errors(result),
            *_provenance(result),
            "",
        ]
    )


def overview(result: EvaluationResult, heading: str = "") -> str:
    """Accuracy, gains over each method, ranks and integrity."""
    return "\n".join(_overview(result, heading)).strip("\n")


def _overview(result: EvaluationResult, heading: str) -> Iterator[str]:
    for part in result.parts:
        place = next(iter(part.accuracy))
        told = place + part_told(part.part)
        yield from _by_shots(
            result, f"{heading}Accuracy in %, {told}", part.accuracy[place], points
        )
        title = f"{heading}What {result.reference} gains over each, in points, {told}"
        yield from _by_shots(result, title, part.gain[place], signed)
    for part in result.parts:
        if part.ranks is not None:
            listed = ", ".join(f"{method} {rank:.1f}" for method, rank in part.ranks.mean.items())
            yield (
                f"\nMean ranks over {part.ranks.n_blocks} sets and shots{part_told(part.part)} "
                f"(critical difference {part.ranks.critical_difference:.1f}): {listed}"
            )
    yield ""
    bullet = "- " if heading else ""
    yield from (f"{bullet}{box.status}: {box.name}: {box.detail}" for box in result.boxes)


def _by_shots(
    result: EvaluationResult, title: str, table: ByShots, cell: Callable[[Estimate], str]
) -> Iterator[str]:
    rows = {
        method: [cell(table[method][n]) if n in table[method] else "" for n in result.shots]
        for method in result.methods
        if method in table
    }
    if rows:
        yield from ("", title, "", _aligned({"shots": [str(n) for n in result.shots]} | rows))


def _quality(result: EvaluationResult) -> Iterator[str]:
    for name, table in result.quality.items():
        yield from _by_shots(
            result,
            f"## {METRIC_NAMES[name]}",
            table,
            lambda estimate, name=name: metric(estimate.mean, name),  # type: ignore[misc]
        )


def _costs(result: EvaluationResult) -> Iterator[str]:
    head = ["fit, ms", "answer, ms", "memory, MiB", "numbers trained"]
    rows = {
        method: [
            *(_number(cost.fit_seconds, 1000.0), _number(cost.predict_seconds, 1000.0)),
            *(_number(cost.peak_mib), _number(cost.trained_parameters)),
        ]
        for method, cost in result.costs.items()
    }
    title = f"## Cost of a task with {result.shots[-1]} shot(s), mean over sets"
    yield from ("", title, "", _aligned({"method": head} | rows))


def _errors(result: EvaluationResult) -> Iterator[str]:
    for found in result.sets:
        yield from ("", f"## {found.name}: where {result.reference} errs", "")
        for each in found.confusions:
            yield (
                f"- {readable_name(each.true)} is called {readable_name(each.called)} in "
                f"{share(each.n / each.n_true)} of its answers ({each.n} of {each.n_true})"
            )
        for told, classes in (("hardest", found.hardest), ("easiest", found.easiest)):
            if classes:
                listed = ", ".join(
                    f"{readable_name(each.name)} {share(each.recall)}" for each in classes
                )
                yield f"- {told}: {listed}"


def _provenance(result: EvaluationResult) -> Iterator[str]:
    yield from ("", "## How it was measured", "", f"{result.intervals}.", "")
    for found in result.sets:
        facts = found.facts
        yield (
            f"- {found.name}: {facts['n_pictures']} pictures of {facts['n_classes']} classes, "
            f"{facts['n_views']} view(s), {facts['fingerprint']}, identity {facts['identity']}"
        )
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    yield f"- seeds {', '.join(map(str, result.seeds))}; record {result.record}; {versions}"
    yield f"- `{result.command}`"


def _aligned(rows: dict[str, list[str]]) -> str:
    """A table that a terminal shows in columns too."""
    table = [[name, *cells] for name, cells in rows.items()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = {
        name.ljust(widths[0]): [
            cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)
        ]
        for name, cells in rows.items()
    }
    return markdown_table(padded)


def _number(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else f"{factor * value:,.4g}"
