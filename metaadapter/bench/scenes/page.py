"""Renders the result of a study of labelled frames as one page and as Markdown."""

from __future__ import annotations

import math

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.template import render, render_text
from metaadapter.bench.report.words import points, signed
from metaadapter.bench.scenes.methods import OWN
from metaadapter.bench.scenes.result import StudyResult
from metaadapter.data.plain_text import in_markdown


def study_page(result: StudyResult) -> str:
    """Render the page; it needs no other file, no script and no network."""
    return render(
        "study_page.html.jinja",
        (points, signed, _plain),
        result=result,
        own=OWN,
        headline=headline(result),
    )


def study_markdown(result: StudyResult) -> str:
    """Render the tables of the page as Markdown."""
    text = render_text(
        "study.md.jinja",
        (points, signed, _plain),
        in_markdown,
        result=result,
        own=OWN,
        headline=headline(result),
    )
    return text + "\n"


def headline(result: StudyResult) -> str:
    """Return the result of a study in two sentences."""
    most = result.shots[-1]
    peer = result.best_peer(most)
    return (
        f"With up to {most} labelled frames of each class metaadapter identifies the species with "
        f"a macro-F1 of {points(result.means['macro_f1'][OWN][most])} %. On the same draws its "
        f"gain is {signed(result.differences['zero-shot'][most])} points over zero-shot CLIP, "
        f"and {signed(result.differences[peer][most])} points over the best other method, "
        f"{peer}."
    )


def f1_rows(result: StudyResult) -> list[list[str]]:
    """Return rows: a method, then its macro-F1 in % for each number of shots."""
    return [
        [method, *(points(by_shots[k]) for k in result.shots)]
        for method, by_shots in result.means["macro_f1"].items()
    ]


def _plain(estimate: Estimate) -> str:
    """Return a figure with its interval, if there is more than one draw."""
    return f"{estimate.mean:.1f}" if math.isnan(estimate.half) else str(estimate)
