"""The result of a study of labelled frames, as one page and as Markdown."""

from __future__ import annotations

import math

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.template import render
from metaadapter.bench.scenes.methods import OWN
from metaadapter.bench.scenes.result import StudyResult
from metaadapter.data.plain_text import in_markdown


def study_page(result: StudyResult) -> str:
    """Render the page; it needs no other file, no script and no network."""
    return render(
        "study_page.html.jinja",
        (percent, points, plain, thousands),
        result=result,
        own=OWN,
        headline=headline(result),
    )


def headline(result: StudyResult) -> str:
    """The result in a sentence."""
    most = result.shots[-1]
    own, peer = result.means["macro_f1"][OWN][most], result.best_peer(most)
    versus_zero = result.differences["zero-shot"][most]
    versus_best = result.differences[peer][most]
    return (
        f"With up to {most} labelled frames of each class metaadapter tells the species with a "
        f"macro-F1 of {percent(own)} %. On the same draws that differs by {points(versus_zero)} "
        f"points from zero-shot CLIP, and by {points(versus_best)} points from the best of the "
        f"others, {peer}."
    )


def f1_rows(result: StudyResult) -> list[list[str]]:
    """Method and its macro-F1 in % for each number of shots."""
    return [
        [method, *(percent(by_shots[k]) for k in result.shots)]
        for method, by_shots in result.means["macro_f1"].items()
    ]


def study_markdown(result: StudyResult) -> str:
    """The tables of the page as Markdown."""
    parts = [
        f"# Study of {in_markdown(result.source)}",
        headline(result),
        _table(["macro-F1 in %", *map(str, result.shots)], f1_rows(result)),
        _table(
            [f"{OWN} less …, in points", *map(str, result.shots)],
            [
                [method, *(points(by_shots[k]) for k in result.shots)]
                for method, by_shots in result.differences.items()
            ],
        ),
    ]
    if "false_alarms" in result.means:
        rows = [
            [method, *(plain(by_shots[k]) for k in result.shots)]
            for method, by_shots in result.means["false_alarms"].items()
        ]
        title = "false alarms of a thousand empty frames"
        parts.append(_table([title, *map(str, result.shots)], rows))
    most = result.shots[-1]
    parts.append(
        _table(
            [f"precision · recall · F1 in %, {most} shots", *result.methods],
            [
                [
                    in_markdown(name),
                    *(
                        " · ".join(
                            f"{100 * each.mean:.0f}" for each in result.species[method][most][name]
                        )
                        for method in result.methods
                    ),
                ]
                for name in result.counts
            ],
        )
    )
    parts.append(
        _table(
            [f"{most} shots", "seconds to fit", "numbers trained", "draws"],
            [
                [
                    method,
                    f"{result.means['seconds'][method][most].mean:.2f}",
                    thousands(result.means["trained"][method][most]),
                    str(result.n_draws[method]),
                ]
                for method in result.methods
            ],
        )
    )
    parts.append(result.how)
    return "\n\n".join(parts) + "\n"


def percent(estimate: Estimate) -> str:
    """A fraction in % with its interval."""
    return plain(Estimate(100 * estimate.mean, 100 * estimate.half))


def points(estimate: Estimate) -> str:
    """A difference of fractions in points with its interval, always with a sign."""
    half = "" if math.isnan(estimate.half) else f" ± {100 * estimate.half:.1f}"
    return f"{100 * estimate.mean:+.1f}{half}"


def plain(estimate: Estimate) -> str:
    """A figure with its interval; the figure alone where one draw was measured."""
    return f"{estimate.mean:.1f}" if math.isnan(estimate.half) else str(estimate)


def thousands(estimate: Estimate) -> str:
    """A whole number with commas."""
    return f"{estimate.mean:,.0f}"


def _table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
