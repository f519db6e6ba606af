"""Draw the README's plot of accuracy against labelled pictures, from the table in docs/figures.md.

python -m tools.plot_accuracy    # writes docs/img/accuracy.webp; needs matplotlib
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
    ("stages", "logistic probe"): ("logistic probe", {"color": "#c2571a", "marker": "s"}),
    ("stages", "GDA"): ("GDA", {"color": "#3f7d4e", "marker": "^"}),
    ("stages", "LP++"): ("LP++", {"color": "#8a4fa0", "marker": "v"}),
    ("joint", "TaskRes"): ("TaskRes, joint features", {"color": "#777777", "marker": "D"}),
    ("joint", "text + mean"): ("text + mean, joint features", {"color": "#b59b00", "marker": "x"}),
}


def main() -> None:
    """Plot the accuracy, and its difference from the shipped generator."""
    shots, rows = accuracy_table((ROOT / "docs" / "figures.md").read_text(encoding="utf-8"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    for row, (label, style) in STYLES.items():
        left.plot(shots, rows[row], label=label, markersize=5, **style)
        differences = [mean - best for mean, best in zip(rows[row], rows[DEFAULT], strict=True)]
        right.plot(shots, differences, markersize=5, **style)
    left.set_ylabel("accuracy, %")
    right.set_ylabel("points, compared with metaadapter")
    right.set_ylim(-4, 0.4)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, [str(shot) for shot in shots])
        axes.set_xlabel("labelled pictures of each class")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
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
