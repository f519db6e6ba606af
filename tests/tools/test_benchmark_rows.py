"""Each row of the benchmark runs at a small size, so that it fits the code that it measures."""

from __future__ import annotations

from importlib import import_module
from math import isfinite

import pytest

from benchmarks import run

# Row → its sizes here.
SMALL = {
    "encode-throughput": {},
    "encode-memory": {},
    "adapt-latency": {"N_WAY": 2, "N_SHOT": 1, "N_TASKS": 2, "REPEATS": 1},
    "classifier-latency": {"REPEATS": 1},
    "episodes": {"N_PICTURES": 31, "REPEATS": 1, "SIZES": [(5, 5, 32, 32)], "N_SLOW_TASKS": 1},
    "generator-scale": {},
    "meta-training": {},
    "library": {"N_ENTRIES": 20, "WIDTH": 16},
    "library-route": {"SIZES": (10, 20), "N_BATCHES": 1},
    "pool": {"N_POOL": 50, "N_WAY": 3, "WIDTH": 16, "N_STORED": 10_000, "STORED_WIDTH": 4},
    "predict-rows": {"N_SMALL": 200, "N_PICTURES": 16},
    "prediction-time": {"SIZES": [(2, 1)], "N_TASKS": {"alone": 1}, "REPEATS": 1},
    "serve": {"N_WAY": 2, "N_SHOT": 2, "N_TRAY": 20, "REPEATS": 1},
    "fine-tuning": {"N_TASKS": 2, "N_STEPS": 2},
    "store-rows": {"N_SMALL": 1000, "N_TASKS": 32, "REPEATS": 1},
    "floor": {"N_MATRIX": 64, "N_COPY": 1024, "REPEATS": 1},
    "start-up": {"REPEATS": 1},
}
ARGUMENTS = {
    "encode-throughput": {"n_pictures": 16, "batch_size": 16, "repeats": 1},
    "encode-memory": {"sizes": [20]},
    "generator-scale": {"tasks": [(60, 1, 1)]},
    "meta-training": {"n_tasks": 2, "repeats": 1},
    "predict-rows": {"n_rows": 400},
    "store-rows": {"n_rows": 2000},
}
# Rows that start processes, each of which imports torch, or that measure the whole of `tiny`.
SLOW = {
    *("encode-memory", "encode-throughput", "floor", "generator-scale", "library"),
    *("library-route", "meta-training", "pool", "predict-rows", "store-rows", "start-up"),
}
ROWS = [pytest.param(row, marks=[pytest.mark.slow] * (row in SLOW)) for row in run.ROWS]


@pytest.mark.parametrize("row", ROWS)
def test_row__small__measures_its_figures(row, monkeypatch):
    module = import_module(run.ROWS[row])
    for name, value in SMALL[row].items():
        monkeypatch.setattr(module, name, value)

    figures = module.measure(**ARGUMENTS.get(row, {}))

    assert figures
    assert all(isfinite(value) for value in figures.values())
