"""A pool of 10,000 pictures with 100 classes × 4 shots × 512; a sample from a million rows."""

from __future__ import annotations

import subprocess
import sys
import tempfile

N_POOL, N_WAY, N_SHOT, WIDTH = 10_000, 100, 4, 512
N_STORED, STORED_WIDTH = 1_000_000, 64

# Separate processes, so that the peak memory of each is the peak of one task.
PREDICT = """
import time, torch
from torch.nn.functional import normalize
from metaadapter.adapter import Support
from metaadapter.bench.evaluation.cost import peak_mib
from metaadapter.generator import load_generator
draw = torch.Generator().manual_seed(0)
def rows(*shape):
    return normalize(torch.randn(*shape, generator=draw), dim=-1)
support = Support.of_tasks(rows(1, N_WAY, N_SHOT, WIDTH), rows(1, N_WAY, WIDTH))
support = support.with_pool(rows(N_POOL, WIDTH)).exact
generator = load_generator("default")
start = time.perf_counter()
weights = generator.predict(support)
seconds = time.perf_counter() - start
assert weights.classes.isfinite().all()
print(seconds, peak_mib(torch.device("cpu"), 0.0) / 1024)
"""
CREATE = """
import sys
import numpy as np
from metaadapter.features import FeatureStore
rng = np.random.default_rng(0)
shape = 10_000, STORED_WIDTH
parts = (rng.standard_normal(shape, dtype=np.float32) for _ in range(N_STORED // 10_000))
FeatureStore.create(sys.argv[1], parts)
"""
SAMPLE = """
import sys, time, torch
from pathlib import Path
from metaadapter.bench.evaluation.cost import peak_mib
from metaadapter.features import Origin
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.labelled_pictures import LabelledPictures, Reading
from metaadapter.workflow.unlabelled_pictures import read_unlabelled
start = time.perf_counter()
none = EncodedPictures.joined((), width=STORED_WIDTH)
labelled = LabelledPictures(none, Origin(), None, None)
rows = read_unlabelled(Path(sys.argv[1]), labelled, Reading(None))
seconds = time.perf_counter() - start
assert len(rows) == 4000
print(seconds, peak_mib(torch.device("cpu"), 0.0) / 1024)
"""


def measure() -> dict[str, float]:
    """Seconds and peak memory of the process in GiB, for both tasks."""
    seconds, peak = map(float, _run(PREDICT).split())
    with tempfile.TemporaryDirectory() as folder:
        _run(CREATE, folder)
        read_seconds, read_peak = map(float, _run(SAMPLE, folder).split())
    return {
        "predict_seconds": seconds,
        "predict_peak_gib": peak,
        "million_rows_seconds": read_seconds,
        "million_rows_peak_gib": read_peak,
    }


def _run(code: str, *arguments: str) -> str:
    # A process of its own knows the sizes as they are now.
    sizes = f"N_POOL, N_WAY, N_SHOT, WIDTH = {N_POOL, N_WAY, N_SHOT, WIDTH}\n"
    sizes += f"N_STORED, STORED_WIDTH = {N_STORED, STORED_WIDTH}"
    command = [sys.executable, "-c", sizes + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
