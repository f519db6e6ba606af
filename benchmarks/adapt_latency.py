"""The time to predict an adapter: for one task, and for each of 64 tasks in a batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.pretrained import load_generator

N_WAY, N_SHOT, N_TASKS, REPEATS = 10, 4, 64, 20
# The blocks from the two looks of `tiny`.
BLOCKS = (512, 512)
WIDTH = sum(BLOCKS)


def measure() -> dict[str, float]:
    """Median milliseconds per adapter for 10 ways × 4 shots × two blocks of 512, on one thread."""
    draw = torch.Generator().manual_seed(0)
    shots = normalize(torch.randn(N_TASKS, N_WAY, N_SHOT, WIDTH, generator=draw), dim=-1)
    texts = normalize(torch.randn(N_TASKS, N_WAY, WIDTH, generator=draw), dim=-1)
    together = Support.of_tasks(shots, texts, blocks=BLOCKS)
    alone = Support.of_tasks(shots[:1], texts[:1], blocks=BLOCKS)
    generator = load_generator("default")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            "ms_alone": _median_ms(lambda: generator.predict(alone)),
            "ms_each_of_64": _median_ms(lambda: generator.predict(together)) / N_TASKS,
        }
    finally:
        torch.set_num_threads(threads)


def _median_ms(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)
