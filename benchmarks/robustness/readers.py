"""Readers that turn a command's folder into contents that can be compared.

Each reader returns None if nothing is complete yet, and raises an error if something is broken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch

from benchmarks.robustness.artifacts import run, without_measurements
from benchmarks.robustness.materials import Materials
from metaadapter import AdapterLibrary, FeatureStore
from metaadapter.adapter.files import load_adapter
from metaadapter.bench.evaluation.cells import CELLS_FILE, KIND, PURPOSE
from metaadapter.bench.evaluation.folder import SUMMARY_FILE, SUMMARY_SCHEMA
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
from metaadapter.errors import DataError
from metaadapter.features.store import kept_features
from metaadapter.files.checksums import read_document
from metaadapter.files.db import Database
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.run_folder import load_checkpoint
from metaadapter.workflow.prediction import prediction_table

Content: TypeAlias = dict[str, Any]
TOLERANCE = 1e-6
TABLES: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".jsonl": partial(pd.read_json, lines=True),
    ".parquet": pd.read_parquet,
}
TIMES = ("seconds", "tasks_per_second")
PAGES = ("report.html", "report.md", "report.json")


def differing(got: Content | None, expected: Content | None, other: Content | None = None) -> str:
    """The names of the parts of `got` that equal those neither in `expected` nor in `other`."""
    if got is None or expected is None:
        return "" if got is expected else "whether there is content"
    allowed = [expected] if other is None else [expected, other]
    return ", ".join(
        name
        for name in sorted({*got, *expected})
        if not any(_same(got.get(name), content.get(name)) for content in allowed)
    )


def read_store(folder: Path, _materials: Materials) -> Content | None:
    if not (folder / "store.json").exists():
        return None
    store = FeatureStore.open(folder)
    return {
        "pictures or their order": store.rows.pictures(),
        "classes": store.classes,
        "texts": None if store.texts is None else store.texts.tobytes(),
        "features": np.array(store.features),
    }


def kept_pictures(folder: Path) -> set[Any]:
    hashes: set[Any] = set()
    file = folder / ".partial" / kept_features.DATABASE_FILE
    with Database(file, kept_features.PURPOSE, writes=False) as database:
        for block in database.latest(kept_features.FEATURES).values():
            hashes |= {*block["contents"]}
    if (folder / "store.json").exists():
        hashes |= set(FeatureStore.open(folder).rows.of_pictures("sha256").tolist())
    return hashes


def read_table(folder: Path, _materials: Materials) -> Content | None:
    tables = [TABLES[file.suffix](file) for file in folder.glob("*.*") if file.suffix in TABLES]
    if not tables:
        return None
    (table,) = tables
    figures = table.select_dtypes("number")
    return {
        "rows or their order": table.drop(columns=figures.columns).to_csv(),
        "figures": figures.to_numpy(),
    }


def predicted_pictures(folder: Path) -> set[Any]:
    """The pictures whose rows are in a table, or in the database beside it."""
    pictures: set[Any] = set()
    for file in folder.glob("*.*"):
        paths: list[str] = []
        if file.suffix == prediction_table.ENDING:
            with Database(file, prediction_table.PURPOSE, writes=False) as database:
                for record in database.records(prediction_table.PART):
                    paths += [path for path, *_ in record.value["outcomes"]]
        elif file.suffix in TABLES:
            paths += TABLES[file.suffix](file)["path"].tolist()
        if len({*paths}) != len(paths):
            raise RuntimeError(f"doubled rows in {file.name}")
        pictures |= {*paths}
    return pictures


def read_adapter(folder: Path, materials: Materials) -> Content | None:
    if not folder.is_file() and not (folder / "adapter_config.json").exists():
        return None
    stored = load_adapter(folder)
    answer = run("predict", folder, materials.store, "--json")
    if answer.code:
        raise RuntimeError(f"predict: {answer.err}")
    return {
        "answers": answer.out,
        "weights": _bytes(stored.weights.tensors()),
        "classes": stored.config.classes,
        "hashes of pictures": stored.picture_hashes,
    }


def read_library(folder: Path, materials: Materials) -> Content | None:
    """The bytes of every entry, and its content as an adapter."""
    if not (folder / "library.json").exists():
        return None
    library = AdapterLibrary.open(folder, create=False)
    if fault := [entry.damaged for entry in library.entries() if entry.damaged]:
        raise RuntimeError(f"damaged entries: {fault}")
    if not library.names:  # the mark is written before the first entry
        return None
    content: Content = {}
    for name in library.names:
        file = library.path(name)
        content[name] = [file.read_bytes(), read_adapter(file, materials)]
    return content


def read_evaluation(folder: Path, _materials: Materials) -> Content | None:
    if not (folder / SUMMARY_FILE).exists():
        return None
    try:
        find(EvaluationRun.read(folder))
    except DataError as error:
        # An evaluation that is being extended has no report, but its tables stay.
        if "is not finished" not in str(error):
            raise
    _, proof = read_document(folder / SUMMARY_FILE, SUMMARY_SCHEMA, "")
    return {
        name: without_measurements(pd.read_csv(proof.find(name), keep_default_na=False)).to_csv()
        for name in proof.files
        if name.endswith(".csv")
    }


def measured_cells(folder: Path) -> set[Any]:
    with Database(folder / CELLS_FILE, PURPOSE, writes=False) as database:
        cells = [record.key for record in database.records(KIND)]
    if len(set(cells)) != len(cells):
        raise RuntimeError(f"{len(cells)} records for {len(set(cells))} cells")
    return set(cells)


def read_training(folder: Path, _materials: Materials) -> Content | None:
    checkpoint, best, summary = (
        folder / name for name in ("checkpoint.json", "best", SUMMARY_FILE)
    )
    tensors = load_checkpoint(checkpoint).tensors if checkpoint.exists() else {}
    if (best / "config.json").exists():
        load_generator(best)
    if not summary.exists() or json.loads(summary.read_bytes())["ending"] != "finished":
        return None
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {
        **{name: _bytes(group) for name, group in tensors.items()},
        "the best generator": (best / "model.safetensors").read_bytes(),
        "the log": [{key: line[key] for key in line if key not in TIMES} for line in lines],
    }


def trained_steps(folder: Path) -> set[Any]:
    checkpoint = folder / "checkpoint.json"
    return set(range(load_checkpoint(checkpoint).values["step"])) if checkpoint.exists() else set()


def read_report(folder: Path, _materials: Materials) -> Content | None:
    files = {name: folder / name for name in PAGES}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None
        for name, file in files.items()
    }


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape:
            return False
        # With other pictures in a batch, a feature may be rounded to the next number in float16.
        step = np.spacing(np.maximum(abs(first), abs(second))) if first.dtype == np.float16 else 0
        near = np.isclose(first.astype(float), second, 0, TOLERANCE + step, equal_nan=True)
        return bool(near.all())
    return bool(first == second)


def _bytes(tensors: Mapping[str, torch.Tensor]) -> dict[str, bytes]:
    """The tensors as bytes, because as bytes NaN equals NaN and −0 differs from 0."""
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in tensors.items()}
