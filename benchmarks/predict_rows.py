"""Labels for the rows of a store and for pictures, against the forward pass alone; memory.

Run alone with another number of rows: python -m benchmarks.predict_rows ROWS
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from metaadapter.adapter.files import load_adapter
from metaadapter.data.decode import decode_image
from metaadapter.features.encoding_pipeline import fast_batch_size
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.prediction.prediction_rows import RowFormat
from metaadapter.workflow.prediction.prediction_table import PredictionTable
from metaadapter.workflow.prediction.predictions import PredictionOptions, predict_probabilities
from metaadapter.workflow.prediction.queries import load_adapter_encoder
from metaadapter.workflow.prediction.query_parts import STORED_AT_ONCE
from metaadapter.workflow.prediction.run_predict import request_predictions, run_request
from metaadapter.workflow.run_adapt import adapt

N_LARGE, N_SMALL, WIDTH, N_WAY, N_PICTURES, SIDE = 200_000, 10_000, 512, 10, 512, 96


def measure(n_rows: int = N_LARGE) -> dict[str, float]:
    """Rows and pictures a second of processor time on one thread, and own memory.

    `own_mib` is the greatest memory without mapped files, which the system can drop: of a process
    that writes the table of a store's rows, and of one that calls `predict_proba` for a memory map.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _create(folder, n_rows)
        for task in ("small", "large", "proba_small", "proba_large", "pictures"):
            # A process of its own, whose memory is that of this task.
            command = [sys.executable, "-m", "benchmarks.predict_rows", "--do", task, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures |= json.loads(done.stdout)
    return figures


def _create(folder: Path, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(N_WAY), 5)
    centres = rng.standard_normal((N_WAY, WIDTH))
    X = centres[y] + rng.standard_normal((len(y), WIDTH))
    MetaAdapterClassifier().fit(X, y.astype(str)).save(folder / "adapter")
    for name, n in (("small", N_SMALL), ("large", n_rows)):
        starts = range(0, n, 50_000)
        parts = (rng.standard_normal((min(50_000, n - start), WIDTH)) for start in starts)
        paths = [f"folder/{row:08d}.jpg" for row in range(n)]
        FeatureStore.create(folder / name, parts, paths=paths)
    for number in range(N_PICTURES + 8):
        kind = "pictures" if number < N_PICTURES else "support"
        place = folder / kind / f"{number % 2}" / f"{number:04d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(place)


def _table(folder: Path, adapter: str, source: str) -> float:
    """Write the table of a source; return the seconds of processor time."""
    start = time.process_time()
    options = PredictionOptions()
    request = request_predictions(folder / adapter, [folder / source], options, device="cpu")
    out = folder / "table.csv"
    with PredictionTable(out, RowFormat(request.classes), job="bench") as table:
        run_request(request, table=table)
        table.finish()
    return time.process_time() - start


def _rows(folder: Path, name: str) -> dict[str, float]:
    seconds, memory = _with_memory(lambda: _table(folder, "adapter", name))
    store, weights = FeatureStore.open(folder / name), load_adapter(folder / "adapter").weights
    start = time.process_time()
    for first in range(0, store.n_pictures, STORED_AT_ONCE):
        rows = np.asarray(store.features[first : first + STORED_AT_ONCE], np.float32)
        predict_probabilities(rows, weights)
    forward = time.process_time() - start
    return {
        f"{name}_rows_s": store.n_pictures / seconds,
        f"{name}_forward_rows_s": store.n_pictures / forward,
        f"{name}_own_mib": memory,
    }


def _proba(folder: Path, name: str) -> dict[str, float]:
    classifier = MetaAdapterClassifier.load(folder / "adapter")
    features = FeatureStore.open(folder / name).features
    seconds, memory = _with_memory(lambda: _processor_s(lambda: classifier.predict(features)))
    return {f"proba_{name}_rows_s": len(features) / seconds, f"proba_{name}_own_mib": memory}


def _pictures(folder: Path) -> dict[str, float]:
    adapt(folder / "support", device="cpu").save(folder / "tiny")
    seconds = _table(folder, "tiny", "pictures")
    stored = load_adapter(folder / "tiny")
    encoder = load_adapter_encoder(folder / "tiny", stored, None, "cpu", "fp32")
    paths = sorted((folder / "pictures").rglob("*.jpg"))
    pixels = [encoder.look(decode_image(path)) for path in paths]
    size = fast_batch_size(encoder) // len(pixels[0])
    batches = [torch.stack(pixels[start : start + size]) for start in range(0, len(paths), size)]
    forward = _processor_s(lambda: [encoder.encode_looks(batch) for batch in batches])
    return {"pictures_s": len(paths) / seconds, "forward_pictures_s": len(paths) / forward}


def _processor_s(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _with_memory(run: Callable[[], float]) -> tuple[float, float]:
    """Run, and return the result and the greatest own memory meanwhile, in MiB."""
    most, has_ended = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not has_ended.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            (line,) = [line for line in lines if line.startswith("RssAnon:")]
            most = max(most, int(line.split()[1]) / 2**10)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return run(), most
    finally:
        has_ended.set()
        watcher.join()


def _do(task: str, folder: Path) -> dict[str, float]:
    torch.set_num_threads(1)
    if task == "pictures":
        return _pictures(folder)
    kind, _, size = task.rpartition("_")
    return _proba(folder, size) if kind else _rows(folder, size)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--do"]:
        print(json.dumps(_do(sys.argv[2], Path(sys.argv[3]))))
    else:
        print(json.dumps(measure(*map(int, sys.argv[1:])), indent=2))
