"""Draw the plots of accuracy against labelled pictures, from the tables in docs.

python -m tools.plot_accuracy    # writes accuracy.webp, shift.webp and names.webp to docs/img

Needs matplotlib.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
DEFAULT = ("stages", "default")
STYLES: dict[
    tuple[str, str], tuple[str, dict[str, Any]]
] = {  # part and method of the table's row → label and style
    DEFAULT: ("metaadapter", {"color": "#0a5aa8", "lw": 2.6, "marker": "o"}),
    ("stages", "ridge towards text"): ("ridge towards text", {"color": "#222222", "ls": "--"}),
    ("stages", "logistic probe"): ("logistic probe", {"color": "#c2571a", "marker": "s"}),
    ("stages", "GDA"): ("GDA", {"color": "#3f7d4e", "marker": "^"}),
    ("stages", "LP++"): ("LP++", {"color": "#8a4fa0", "marker": "v"}),
    ("joint", "TaskRes"): ("TaskRes, joint features", {"color": "#777777", "marker": "D"}),
}


SHIFT_STYLES: dict[str, tuple[str, dict[str, Any]]] = {  # row of the table → label and style
    "default in the domain, with a pool": ("in the domain, with a pool", {"color": "#0a5aa8"}),
    "default in the domain, without a pool": (
        "in the domain",
        {"color": "#0a5aa8", "ls": "--"},
    ),
    "default with a pool": ("from elsewhere, with a pool", {"color": "#c2571a", "lw": 2.6}),
    "CORAL": ("CORAL with the pool", {"color": "#3f7d4e"}),
    "default without a pool": ("from elsewhere", {"color": "#c2571a", "ls": "--"}),
    "text + mean": ("text + mean", {"color": "#b59b00"}),
    "names alone": ("names alone", {"color": "#777777"}),
}


def main() -> None:
    """Draw all plots."""
    plot_accuracy()
    plot_shift()
    plot_names()


def plot_names() -> None:
    """Plot the accuracy of the generator, and of the best peer, against that of the names alone."""
    page = (ROOT / "docs" / "explanation" / "names.md").read_text(encoding="utf-8")
    table = next(text for text in page.split("\n\n") if text.startswith("| names"))
    header, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
    ]
    rows = sorted(
        (float(zero_shot), [re.findall(r"[\d.]+", cell)[:2] for cell in cells])
        for name, zero_shot, *cells in lines
        if name.startswith("made names")
    )
    names_alone = [zero_shot for zero_shot, _ in rows]
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for column, colour in enumerate(("#c2571a", "#3f7d4e", "#0a5aa8")):
        own, best = ([float(cells[column][side]) for _, cells in rows] for side in (0, 1))
        label = header[2 + column]
        axes.plot(names_alone, own, label=f"metaadapter, {label}", color=colour, marker="o", lw=2.2)
        axes.plot(names_alone, best, label=f"best peer, {label}", color=colour, ls=":", marker=".")
    axes.set_xlabel("accuracy of the names alone, %")
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(ROOT / "docs" / "img" / "names.webp", dpi=130)


def plot_shift() -> None:
    """Plot the accuracy in the domain and across domains."""
    page = (ROOT / "docs" / "explanation" / "shift.md").read_text(encoding="utf-8")
    table = next(text for text in page.split("\n\n") if "| names alone |" in text)
    header, _, *lines = [
        [cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines()
    ]
    rows = {method: list(map(float, cells)) for method, *cells in lines if "minus" not in method}
    shots = list(map(int, header[1:]))
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for row, (label, style) in SHIFT_STYLES.items():
        axes.plot(shots, rows[row], label=label, **{"marker": "o", "markersize": 4, **style})
    axes.set_ylabel("accuracy, %")
    _finish(axes, shots)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(ROOT / "docs" / "img" / "shift.webp", dpi=130)


def _finish(axes: Any, shots: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(shots, [str(shot) for shot in shots])
    axes.set_xlabel("labelled pictures of each class")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def plot_accuracy() -> None:
    """Plot the accuracy, and its difference from the shipped generator."""
    shots, rows = accuracy_table((ROOT / "docs" / "figures.md").read_text(encoding="utf-8"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    for row, (label, style) in STYLES.items():
        left.plot(shots, rows[row], label=label, markersize=5, **style)
        differences = [mean - best for mean, best in zip(rows[row], rows[DEFAULT], strict=True)]
        right.plot(shots, differences, markersize=5, **style)
    left.set_ylabel("accuracy, %")
    right.set_ylabel("points, compared with metaadapter")
    right.set_ylim(-4, 0.9)
    for axes in (left, right):
        _finish(axes, shots)
    left.legend(frameon=False)
    figure.savefig(ROOT / "docs" / "img" / "accuracy.webp", dpi=130)


def accuracy_table(page: str) -> tuple[list[int], dict[tuple[str, str], list[float]]]:
    """Return the numbers of shots, and (part, method) → accuracy at each of these numbers."""
    part = ""
    rows: dict[tuple[str, str], list[float]] = {}
    section = page.split("## Test sets")[1].split("\n\n")
    lines = next(text for text in section if text.startswith("| shots")).splitlines()
    for line in lines[2:]:
        method, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not cells[0]:
            part = "stages" if "stages" in method else "joint"
        else:
            rows[part, method.strip("*")] = [
                float(re.findall(r"[\d.]+", cell)[0]) for cell in cells
            ]
    return [int(cell) for cell in lines[0].strip("|").split("|")[1:]], rows


if __name__ == "__main__":
    main()
