"""Run the benchmarks: print a table, and write build/bench.json for comparisons.

python -m benchmarks.run [--only NAME …] [--out FILE] [--against FILE]

A line of the table has our figure, that of a peer from the same run, and the limit. Rows whose
packages are missing are skipped, with the reason. With --against the lines are compared with those
of an earlier file, and the exit code is 1 if one is worse.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.limits import lines_of
from benchmarks.regressions import compare
from metaadapter import __version__

SCHEMA = "metaadapter.bench/1"
# Each module has `measure() -> dict[str, float]`: name → figure; each name ends in its unit.
ROWS = {
    "encode-throughput": "benchmarks.encode_throughput",
    "encode-memory": "benchmarks.encode_memory",
    "adapt-latency": "benchmarks.adapt_latency",
    "classifier-latency": "benchmarks.classifier_latency",
    "episodes": "benchmarks.episodes",
    "generator-scale": "benchmarks.generator_scale",
    "meta-training": "benchmarks.meta_training",
    "library": "benchmarks.library",
    "library-route": "benchmarks.library_route",
    "pool": "benchmarks.pool",
    "predict-rows": "benchmarks.predict_rows",
    "prediction-time": "benchmarks.prediction_time",
    "serve": "benchmarks.serve",
    "fine-tuning": "benchmarks.fine_tuning",
    "store-rows": "benchmarks.store_rows",
    "floor": "benchmarks.floor",
    "start-up": "benchmarks.start_up",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen rows one after the other; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    before = json.loads(options.against.read_text("utf-8")) if options.against else None

    document = measure_rows(options.only)

    console = Console(width=max(Console().width, 140))
    console.print(as_table(document))
    for kind in ("skipped", "failed"):
        for row, reason in document[kind].items():
            console.print(f"{row} is {kind}: {reason}", markup=False)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    changes = compare(document, before) if before else []
    if before:
        console.print(as_changes(changes, options.against))
    return int(bool(document["failed"]) or any(change["is_worse"] for change in changes))


def measure_rows(names: Sequence[str]) -> dict[str, Any]:
    """Return the document of a run: the machine, the lines, all figures, and what was left out."""
    document: dict[str, Any] = {"schema": SCHEMA, "machine": describe_machine()}
    lines: list[dict[str, Any]] = []
    figures, seconds, skipped, failed = {}, {}, {}, {}
    for number, name in enumerate(names, 1):
        print(f"{number} of {len(names)}: {name} …", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            figures[name] = import_module(ROWS[name]).measure()
            lines += lines_of(name, figures[name])
        except ImportError as error:
            skipped[name] = str(error)
        except Exception as error:  # the other rows are worth their figures
            failed[name] = _reason(error)
        seconds[name] = time.perf_counter() - start
        print(f"  {seconds[name]:.0f} s", file=sys.stderr, flush=True)
    parts: dict[str, Any] = {"lines": lines, "rows": figures, "seconds": seconds}
    return document | parts | {"skipped": skipped, "failed": failed}


def _reason(error: Exception) -> str:
    """The error, and the last line that a process of the row has printed."""
    printed = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    last = (printed or "").strip().splitlines()[-1:]
    return ": ".join([type(error).__name__, str(error), *last])


def as_table(document: dict[str, Any]) -> Table:
    """A table with a line per figure that has a limit; rows without limits show all figures."""
    machine = ", ".join(f"{key} {value}" for key, value in document["machine"].items())
    table = Table("row", "figure", title=f"metaadapter {__version__}", caption=machine)
    for name in ("ours", "peer", "ours / peer"):
        table.add_column(name, justify="right")
    table.add_column("limit")
    lines = document["lines"]
    for line in lines:
        is_missing = line["value"] is None
        peer = "" if line["peer"] is None else f"{line['peer']:,.4g}"
        ratio = "" if line["peer"] is None else f"{line['value']:,.3g}"
        note = "the peer is not installed" if is_missing else "" if line["holds"] else "MISSED"
        limit = f"{line['limit']}  {note}".rstrip()
        against = f" against {line['peer_figure']}" if line["peer_figure"] else ""
        name = f"{line['figure']} ({line['unit']}){against}"
        table.add_row(line["row"], name, f"{line['ours']:,.4g}", peer, ratio, limit)
    judged = {line["row"] for line in lines}
    for row, figures in document["rows"].items():
        for figure, value in () if row in judged else figures.items():
            table.add_row(row, figure, f"{value:,.4g}", "", "", "")
    return table


def as_changes(changes: Sequence[dict[str, Any]], against: Path) -> Table:
    """A table of the lines of two runs, the worst change first."""
    table = Table("row", "figure", title=f"against {against}")
    for name in ("before", "now", "worse by"):
        table.add_column(name, justify="right")
    table.add_column("")
    for change in changes:
        note = "WORSE" if change["is_worse"] else "" if change["compares"] else "another machine"
        values = (f"{change['before']:,.4g}", f"{change['now']:,.4g}", f"{change['worse_by']:.2f}×")
        table.add_row(change["row"], change["figure"], *values, note)
    return table


def describe_machine() -> dict[str, Any]:
    """The facts, in addition to the code, that figures depend on."""
    return {
        "metaadapter": __version__,
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
