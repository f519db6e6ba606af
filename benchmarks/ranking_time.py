"""The time to find the pictures for a caption among the 100,000 of a feature store."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.labs.ranking.pair_adapter import fit_pairs
from metaadapter.labs.ranking.ranking_adapter import pictures_of_store
from metaadapter.labs.ranking.rankings import search

N_ROWS, N_PAIRS, N_QUESTIONS, TOP, AT_ONCE = 100_000, 16, 50, 10, 5_000


def measure() -> dict[str, float]:
    """Seconds to read a store once, and milliseconds for a query; its target is below 50 ms."""
    encoder = FrozenEncoder.load("tiny")
    rng = np.random.default_rng(0)
    captions = encoder.encode_texts([f"thing number {number}" for number in range(N_QUESTIONS)])
    pairs = captions[:N_PAIRS] + _rows(rng, N_PAIRS, encoder.dim)
    adapter = fit_pairs(
        pairs, captions[:N_PAIRS], zoom=encoder.zoom, blocks=dict(encoder.look_blocks)
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        FeatureStore.create(place, _batches(rng, encoder.dim), encoder=encoder)
        start = time.perf_counter()
        pictures = pictures_of_store(place, encoder.fingerprint)
        opened = time.perf_counter() - start
        rows = np.concatenate([adapter.picture_rows(block) for block in pictures.blocks()])
        read = time.perf_counter() - start - opened
        times = []
        for number in range(N_QUESTIONS):
            start = time.perf_counter()
            search(adapter.caption_rows(captions[number : number + 1]), rows, TOP)
            times.append(1e3 * (time.perf_counter() - start))
    start = time.perf_counter()
    search(adapter.caption_rows(captions), rows, TOP)
    return {
        "open_s": opened,
        "read_once_s": read,
        "question_ms": statistics.median(times),
        "question_slowest_ms": max(times),
        "question_of_50_ms": 1e3 * (time.perf_counter() - start) / N_QUESTIONS,
        "rows_mb": rows.nbytes / 1e6,
        "threads": float(torch.get_num_threads()),
    }


def _batches(rng: np.random.Generator, dim: int) -> Iterator[np.ndarray]:
    for _ in range(N_ROWS // AT_ONCE):
        yield _rows(rng, AT_ONCE, dim)


def _rows(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    rows = rng.standard_normal((n, dim), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
