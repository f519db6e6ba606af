"""The time to fit `MetaAdapterClassifier` and to predict with it, for 5 ways × 5 shots."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from metaadapter.workflow.estimator import MetaAdapterClassifier

N_WAY, N_SHOT, N_QUERY, WIDTH, REPEATS = 5, 5, 75, 512, 50


def measure() -> dict[str, float]:
    """Median milliseconds on one thread after the first fit; the target is at most 8."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(N_WAY), N_SHOT)
    texts = rng.standard_normal((N_WAY, WIDTH))
    X = texts[y] + rng.standard_normal((len(y), WIDTH))
    X_new = texts[rng.integers(N_WAY, size=N_QUERY)] + rng.standard_normal((N_QUERY, WIDTH))
    classifier = MetaAdapterClassifier(dict(enumerate(texts)))
    times, processor_times = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(1 + REPEATS):
            start, processor_start = time.perf_counter(), time.process_time()
            classifier.fit(X, y).predict(X_new)
            times.append(1e3 * (time.perf_counter() - start))
            processor_times.append(1e3 * (time.process_time() - processor_start))
    finally:
        torch.set_num_threads(threads)
    return {
        "first_ms": times[0],
        "fit_and_predict_ms": statistics.median(times[1:]),
        "fit_and_predict_processor_ms": statistics.median(processor_times[1:]),
    }
