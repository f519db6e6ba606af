"""Opening a store of a million rows, indexing its labels, and drawing tasks from it.

Run alone with another number of rows: python -m benchmarks.store_rows ROWS
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from episodes import EpisodeSampler, EpisodeSpec, TaskSource, gather
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.training import sources

N_LARGE, N_SMALL, WIDTH, N_OF_CLASS = 1_000_000, 10_000, 64, 100
N_TASKS, N_PART, REPEATS = 512, 32, 8


def measure(n_rows: int = N_LARGE) -> dict[str, float]:
    """Seconds to open and to index, own memory (without mapped files), and tasks a second.

    Tasks of 5 ways and 5 shots are drawn and gathered in turns from the large store and from one of
    ten thousand rows, both on disk, in processor time of one thread; the first turn, which checks
    the chunks, does not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, n in (("small", N_SMALL), ("large", n_rows)):
            _create(Path(folder, name), n)
        # A process of its own, whose memory is that of reading.
        command = [sys.executable, "-m", "benchmarks.store_rows", "--read", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _create(folder: Path, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    sizes = [min(65_536, n_rows - start) for start in range(0, n_rows, 65_536)]
    rows = (rng.standard_normal((size, WIDTH), dtype=np.float32) for size in sizes)
    labels = [f"class {row % (n_rows // N_OF_CLASS):07d}" for row in range(n_rows)]
    FeatureStore.create(folder, rows, labels)


def _read(folder: Path) -> dict[str, float]:
    torch.set_num_threads(1)
    sources.MOST_IN_MEMORY = 0
    small, _, _ = _source(folder / "small")
    base = _own_gib()
    large, opened, indexed = _source(folder / "large")
    spec = EpisodeSpec((5, 5), (5, 5), 15, alike=True)
    samplers = {source.name: EpisodeSampler(source.index, spec) for source in (small, large)}
    draw, best = torch.Generator().manual_seed(0), {"small": 0.0, "large": 0.0}
    for repeat in range(REPEATS + 1):
        for source in (small, large):
            start = time.process_time()
            for part in samplers[source.name].draw(N_TASKS, draw).split(N_PART):
                gather(part, source)
            speed = N_TASKS / (time.process_time() - start)
            best[source.name] = max(best[source.name], speed if repeat else 0.0)
    return {
        "open_s": opened,
        "index_s": indexed,
        "own_memory_gib": _own_gib() - base,
        "large_tasks_s": best["large"],
        "small_tasks_s": best["small"],
    }


def _source(folder: Path) -> tuple[TaskSource, float, float]:
    start = time.perf_counter()
    store = FeatureStore.open(folder)
    opened = time.perf_counter() - start
    part = sources.KeptPictures.of_classes(store, store.classes)
    source = TaskSource(
        name=folder.name,
        features_nVD=sources.features_of([part], average_views=False),
        labels_n=torch.from_numpy(part.labels),
        text_CD=torch.zeros(len(store.classes), WIDTH),
        logit_scale=100.0,
    )
    assert source.index.n_classes
    indexed = time.perf_counter() - start - opened
    # Their sum over a large store is no part of drawing.
    source.__dict__["class_means_CD"] = source.text_CD
    return source, opened, indexed


def _own_gib() -> float:
    """The memory of the process without the pages of mapped files, which the system can drop."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(_read(Path(sys.argv[2]))))
    else:
        print(json.dumps(measure(*map(int, sys.argv[1:])), indent=2))
