"""Run the benchmarks: print a table, and write build/bench.json for comparisons.

python -m benchmarks.run [--only NAME …] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from metaadapter import __version__

# Each module has `measure() -> dict[str, float]`: name → figure; each name ends in its unit.
ROWS = {
    "encode-throughput": "benchmarks.encode_throughput",
    "encode-memory": "benchmarks.encode_memory",
    "adapt-latency": "benchmarks.adapt_latency",
    "classifier-latency": "benchmarks.classifier_latency",
    "episodes": "benchmarks.episodes",
    "generator-scale": "benchmarks.generator_scale",
    "library": "benchmarks.library",
    "library-route": "benchmarks.library_route",
    "pool": "benchmarks.pool",
    "prediction-time": "benchmarks.prediction_time",
    "ranking-time": "benchmarks.ranking_time",
    "serve": "benchmarks.serve",
    "fine-tuning": "benchmarks.fine_tuning",
}


def main() -> None:
    """Measure the chosen rows one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), metavar="FILE")
    options = parser.parse_args()

    figures = {name: import_module(ROWS[name]).measure() for name in options.only}

    Console().print(as_table(figures))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": "metaadapter.bench/1", "machine": describe_machine(), "rows": figures}
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def as_table(figures: dict[str, dict[str, float]]) -> Table:
    """A table with one line per figure, grouped by row."""
    table = Table("row", "figure", title=f"metaadapter {__version__}")
    table.add_column("value", justify="right")
    for row, values in figures.items():
        for figure, value in values.items():
            table.add_row(row, figure, f"{value:,.4g}")
        table.add_section()
    return table


def describe_machine() -> dict[str, str | int | None]:
    """The facts, in addition to the code, that figures depend on."""
    return {
        "metaadapter": __version__,
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
