"""Renders a study as one page and as Markdown, with a paragraph for a methods section."""

from __future__ import annotations

import math

from metaadapter.bench.evaluation.draws import KEPT_FOR_QUERIES
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.template import render, render_text
from metaadapter.bench.report.words import points, signed
from metaadapter.bench.scenes.scenes import HOW
from metaadapter.bench.scenes.study import FEWEST_DRAWS, StudyResult
from metaadapter.data.plain_text import in_markdown

TITLES = {
    "macro_f1": "Macro-F1 of the species, %",
    "accuracy": "Accuracy on all frames, %",
    "false_alarms": "False alarms: of 1000 empty frames, called a species",
    "missed": "Missed animals: of 1000 frames with an animal, called no species",
    "ece": "Calibration error, % (small is good)",
}
COUNTED = ("false_alarms", "missed")
"""The measures that are counts in a thousand; others are fractions of 1."""


def study_page(result: StudyResult) -> str:
    """Render the page; it needs no other file, no script and no network."""
    return render("study_page.html.jinja", (_cell, points, signed), **_values(result))


def study_markdown(result: StudyResult) -> str:
    """Render the tables of the page as Markdown."""
    filters = (_cell, points, signed)
    return render_text("study.md.jinja", filters, in_markdown, **_values(result)) + "\n"


def _values(result: StudyResult) -> dict[str, object]:
    return {
        "result": result,
        "titles": TITLES,
        "headline": headline(result),
        "methods_text": methods_text(result),
        "intervals": intervals(result),
    }


def headline(result: StudyResult) -> str:
    """Return the result of a study in a few sentences."""
    ours, most = result.reference, result.most
    text = (
        f"With up to {most} labelled frames of each class {ours} identifies the species with a "
        f"macro-F1 of {points(result.means['macro_f1'][ours][most])} %."
    )
    peer = result.best_peer(most)
    if peer is not None and peer in result.differences:
        text += (
            f" On the same draws its gain is {signed(result.differences[peer][most])} points over "
            f"the best peer, {peer}."
        )
    return text


def intervals(result: StudyResult) -> str:
    """Return a sentence on the intervals, or on why they are left out."""
    if result.n_draws < FEWEST_DRAWS:
        return (
            f"Intervals are left out: {result.n_draws} draw(s) are too few for one, as the factor "
            f"of Student's t is 12.7 for two draws. Give --draws {FEWEST_DRAWS} or more."
        )
    return (
        f"Figures are means over {result.n_draws} draws with 95 % intervals of Student's t. The "
        "intervals cover the draw of scenes, not other places or seasons. An interval can be wider "
        "than its figure where few scenes decide, as for false alarms of a class with few scenes."
    )


def methods_text(result: StudyResult) -> str:
    """Return a paragraph with all settings, for the methods section of a paper."""
    sizes = result.scene_sizes
    listed = ", ".join(f"{label} {n}" for label, n in result.counts.items())
    others = [label for label in result.counts if label not in result.species]
    short = [
        f"{label} {mean['frames']:.1f} from {mean['scenes']:.1f} scenes"
        for label, mean in result.reached[result.most].items()
        if round(mean["frames"], 1) < result.most or round(mean["scenes"], 1) < result.most
    ]
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    few = f" With {result.most} shots the draws really have: {'; '.join(short)}." if short else ""
    return (
        f"{sum(result.counts.values())} frames ({listed}) were used, {result.boxes}. {HOW} There "
        f"are {len(sizes)} scenes; the largest has {sizes[0]} frames, and "
        f"{sum(size > 1 for size in sizes)} have more than one. {result.near_copies} near copies "
        f"of other frames were left out. In each of {result.n_draws} draws (seeds 0 to "
        f"{result.n_draws - 1}) scenes were drawn at random until each class had its labelled "
        "frames, one from each scene and further ones only if it had no more scenes, while "
        f"{KEPT_FOR_QUERIES:.0%} of the scenes of each class were kept for queries.{few} All "
        f"frames of the other scenes were queries, {result.n_queries:.0f} in the mean draw; all "
        "methods had the same labelled frames, queries and class names. Frames were encoded by "
        f"the encoder {result.encoder} (fingerprint {result.fingerprint}), which was not trained. "
        f"Methods, with the settings of their authors: {', '.join(result.methods)}. Macro-F1 is "
        f"the mean over the species ({', '.join(result.species)}) of F1"
        + (f"; {', '.join(others)} are classes, but no species" if others else "")
        + f". {intervals(result)} Versions: {versions}. Command: {result.command}"
    )


def f1_rows(result: StudyResult) -> list[list[str]]:
    """Return rows: a method, then its macro-F1 in % for each number of shots."""
    return [
        [method, *(points(by_shots[k]) for k in result.shots)]
        for method, by_shots in result.means["macro_f1"].items()
    ]


def _cell(estimate: Estimate, measure: str) -> str:
    """Return a figure of one of `TITLES`."""
    if measure not in COUNTED:
        return points(estimate)
    return f"{estimate.mean:.0f}" if math.isnan(estimate.half) else str(estimate)
