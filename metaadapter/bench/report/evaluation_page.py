"""The result of an evaluation as one HTML page without other files, scripts or network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from metaadapter.bench.evaluation.stranger_metrics import STRANGER_METRICS
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report import figures, words
from metaadapter.bench.report.evaluation_result import EvaluationResult
from metaadapter.bench.report.template import render

# Points of gain at which a cell has its full colour.
STRONGEST = 10


def page(result: EvaluationResult, thumbnails: Mapping[str, bytes]) -> str:
    """Render the page; the same result gives the same page.

    Thumbnails are JPEGs by the hash of the picture's bytes; a mistake without one shows its path.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    overall = next(iter(result.parts[0].accuracy))
    styles = {method: figures.style_of(method, result) for method in result.methods}
    styles = figures.styles_of_strangers(result) | styles
    return render(
        "evaluation_page.html.jinja",
        (
            *(words.points, words.signed, words.signed_points, words.part_suffix, words.metric),
            *(words.metric_estimate, words.metric_name, words.short, words.fraction),
            *(_percent, _sentence, _seconds, _number, _tint, _shade),
        ),
        result=result,
        overall=overall,
        judged=words.part_suffix(result.judged),
        notes=words.method_notes(result.methods),
        stranger_notes=words.score_notes(result.strangers.methods if result.strangers else ()),
        stranger_metrics=STRANGER_METRICS,
        thumbnails=thumbnails,
        doubted=[
            method
            for method in result.methods
            if any(box.methods.get(method, box.status) != "pass" for box in result.boxes)
        ],
        styles=styles,
        named=[method for method, style in styles.items() if style.is_named],
        by_shots=list(_by_shots(result)),
        points_shown=figures.POINTS_SHOWN,
        by_time=list(_by_time(result, overall)),
        ranks=[
            (part, Markup(figures.mean_ranks(result, part.ranks, f"ranks-{number}")))
            for number, part in enumerate(result.parts)
            if part.ranks is not None
        ],
        reliability=list(_reliability(result)),
        by_pool=list(_by_pool(result)),
        areas=list(_areas(result, styles)),
    )


def _by_shots(result: EvaluationResult) -> Iterator[tuple[str, Markup]]:
    for row, part in enumerate(result.parts):
        for number, (place, accuracy) in enumerate(part.accuracy.items()):
            title, name = place + words.part_suffix(part.part), f"shots-{row}-{number}"
            yield title, Markup(figures.accuracy_by_shots(result, accuracy, name, title))


def _by_time(result: EvaluationResult, overall: str) -> Iterator[tuple[str, Markup, list[str]]]:
    accuracy = result.parts[0].accuracy[overall]
    for n_shot, title in _few_shots(result):
        drawing, below = figures.accuracy_by_time(result, accuracy, n_shot, f"time-{n_shot}", title)
        yield title, Markup(drawing), below


def _areas(
    result: EvaluationResult, styles: Mapping[str, figures.MethodStyle]
) -> Iterator[tuple[str, Markup]]:
    for name in result.strangers.metrics if result.strangers else ():
        if name.endswith("_auroc"):
            title = words.metric_name(name)
            yield title, Markup(figures.areas_by_shots(result, name, styles, name, title))


def _by_pool(result: EvaluationResult) -> Iterator[tuple[str, list[tuple[str, Markup]]]]:
    for gain in result.pool_gain:
        drawings = []
        for n_shot, title in _few_shots(result):
            name = f"pool-{gain.by}-{n_shot}"
            drawings.append(
                (title, Markup(figures.gain_by_pool(result, gain, n_shot, name, title)))
            )
        yield words.POOL_VARIABLES[gain.by], drawings


def _few_shots(result: EvaluationResult) -> Iterator[tuple[int, str]]:
    """The lowest, a middle and the highest number of shots, with a title each."""
    for n_shot in sorted({result.shots[i] for i in (0, len(result.shots) // 2, -1)}):
        yield n_shot, f"{n_shot} labelled picture{'s' if n_shot > 1 else ''} a class"


def _reliability(result: EvaluationResult) -> Iterator[tuple[str, Markup]]:
    for number, (method, by_shots) in enumerate(result.reliability.items()):
        for n_shot, bins in by_shots.items():
            if bins:
                title = f"{method}, {n_shot} shot{'s' if n_shot > 1 else ''}"
                name, style = f"reliability-{number}-{n_shot}", figures.style_of(method, result)
                yield title, Markup(figures.reliability(bins, style, name, title))


def _tint(estimate: Estimate) -> str:
    """Class and strength of a cell, by the sign and size of a difference that excludes zero."""
    points = 100 * estimate.mean
    if not abs(points) > 100 * estimate.half:
        return ""
    strength = min(1.0, abs(points) / STRONGEST)
    return Markup(f' class="{"gain" if points > 0 else "loss"}" style="--strength: {strength:.2f}"')


def _shade(count: int, total: int) -> Markup:
    """Strength of a cell: the square root, so that 5 % is visible beside 90 %."""
    return Markup(f' style="--strength: {(count / total) ** 0.5 if total else 0:.2f}"')


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.0f}" if count else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.2g}" if 0 < value < 10 else f"{value:,.0f}"
