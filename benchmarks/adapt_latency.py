"""The time to predict an adapter: for one task, and for each of 64 tasks in a batch.

The peer is scikit-learn's ridge on the same features, fitted task by task.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from sklearn.linear_model import RidgeClassifier
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.pretrained import load_generator

N_WAY, N_SHOT, N_TASKS, REPEATS = 10, 4, 64, 11
# The blocks of `tiny`: joint features and stages of two looks.
BLOCKS = (512, 992, 512, 992)
WIDTH = sum(BLOCKS)


def measure() -> dict[str, float]:
    """Median milliseconds of processor time per adapter for 10 ways × 4 shots × 3,008.

    One thread; the methods take turns, and a ratio is the median of the ratios of the turns.
    """
    draw = torch.Generator().manual_seed(0)
    shots = normalize(torch.randn(N_TASKS, N_WAY, N_SHOT, WIDTH, generator=draw), dim=-1)
    texts = normalize(torch.randn(N_TASKS, N_WAY, WIDTH, generator=draw), dim=-1)
    together = Support.of_tasks(shots, texts, blocks=BLOCKS)
    alone = Support.of_tasks(shots[:1], texts[:1], blocks=BLOCKS)
    labels = torch.arange(N_WAY).repeat_interleave(N_SHOT).numpy()

    def peer() -> None:
        for rows in shots.flatten(1, 2).numpy():
            RidgeClassifier(alpha=0.5).fit(rows, labels)

    generator, closed_form = load_generator("default"), load_generator("closed-form")
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "ms_alone": (lambda: generator.predict(alone), 1),
        "ms_each_of_64": (lambda: generator.predict(together), N_TASKS),
        "ms_each_of_64_closed_form": (lambda: closed_form.predict(together), N_TASKS),
        "ms_each_of_64_ridge_of_scikit_learn": (peer, N_TASKS),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        turns = [{name: _ms(*run) for name, run in runs.items()} for _ in range(1 + REPEATS)][1:]
    finally:
        torch.set_num_threads(threads)
    figures = {name: statistics.median(turn[name] for turn in turns) for name in runs}
    figures["ratio_to_ridge_of_scikit_learn"] = statistics.median(
        turn["ms_each_of_64"] / turn["ms_each_of_64_ridge_of_scikit_learn"] for turn in turns
    )
    return figures


def _ms(run: Callable[[], object], n_tasks: int) -> float:
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start) / n_tasks
