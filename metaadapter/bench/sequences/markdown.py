"""The result of a continual evaluation in Markdown, and its first part for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from metaadapter.bench.report.template import aligned_table, markdown_table
from metaadapter.bench.sequences.result import ContinualResult
from metaadapter.bench.sequences.words import MEASURE_NAMES, SETTING_NOTES, figure, gain
from metaadapter.data.plain_text import in_markdown, one_line

Escape = Callable[[str], str]


def continual_markdown(result: ContinualResult) -> str:
    """The whole report, without figures."""
    lines = [
        f"# {in_markdown(result.reference)} on {len(result.tasks)} tasks, {result.setting}",
        *("", in_markdown(result.headline), "", SETTING_NOTES[result.setting]),
        "\n".join(_overview(result, in_markdown, "## ", "- ")).rstrip("\n"),
        *_matrices(result),
        *_provenance(result),
        "",
    ]
    return "\n".join(lines)


def continual_overview(result: ContinualResult) -> list[str]:
    """Lines for a terminal: figures of each number of shots, gains and integrity."""
    return "\n".join(_overview(result, one_line)).strip("\n").split("\n")


def _overview(
    result: ContinualResult, escape: Escape, heading: str = "", bullet: str = ""
) -> Iterator[str]:
    for n_shot in result.shots:
        shots = f"{n_shot} shot{'' if n_shot == 1 else 's'}"
        for title, figures, text in (
            (f"{result.setting}, {len(result.tasks)} tasks, in %, {shots}", result.figures, figure),
            (f"Gain of {result.reference} over each learner, points, {shots}", result.gain, gain),
        ):
            measures = [name for name in MEASURE_NAMES if name in figures]
            rows = {
                method: [
                    text(figures[name][method][n_shot], name)
                    if n_shot in figures[name].get(method, {})
                    else ""
                    for name in measures
                ]
                for method in result.methods
                if any(method in figures[name] for name in measures)
            }
            if rows:
                head = ["learner", *(MEASURE_NAMES[name] for name in measures)]
                yield from ("", heading + escape(title), "", aligned_table(head, rows, escape))
    yield ""
    for box in result.boxes:
        yield bullet + escape(f"{box.status}: {box.name}: {box.detail}")


def _matrices(result: ContinualResult) -> Iterator[str]:
    n_shot = result.shots[-1]
    for method in result.methods:
        title = f"{method}: % correct on each task after each task, {n_shot} shot(s)"
        head = ["after", *map(in_markdown, result.tasks)]
        rows = [
            [in_markdown(name), *("" if math.isnan(cell) else f"{100 * cell:.1f}" for cell in row)]
            for name, row in zip(result.tasks, result.accuracy[method][n_shot], strict=True)
        ]
        yield from ("", f"## {in_markdown(title)}", "", markdown_table(head, rows))


def _provenance(result: ContinualResult) -> Iterator[str]:
    yield from ("", "## How it was measured", "", f"{in_markdown(result.intervals)}.", "")
    for name, facts in result.sets.items():
        line = (
            f"{facts['n_pictures']} pictures of {facts['n_classes']} classes, "
            f"{facts['fingerprint']}, identity {facts['identity']}"
        )
        yield f"- {in_markdown(name)}: {in_markdown(line)}"
    versions = in_markdown(", ".join(map(" ".join, result.versions.items())))
    yield f"- seeds {', '.join(map(str, result.seeds))}; record {result.record}; {versions}"
    # Inline code ends at its first backtick.
    command = one_line(result.command).replace("`", r"\x60")
    yield f"- `{command}`"
