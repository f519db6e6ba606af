"""The time to predict an adapter, compared with 200 training steps of CLIP-Adapter."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.generator.pretrained import load_generator

WIDTH, LOGIT_SCALE, REPEATS = 512, 100.0, 5
# Ways and shots; the numbers of tasks that are predicted in one batch.
SIZES, N_TASKS = [(10, 4), (20, 16)], {"alone": 1, "each_of_64": 64}
# So many of the tasks are fitted in one batch: 64 of the large size would take more than a minute.
MOST_FITTED = 16


def measure() -> dict[str, float]:
    """Milliseconds per task for both, in processor time of one thread, and their ratio.

    A prediction is the median of five, a fit of at most 16 tasks is measured once. The target of
    the ratio is 0.01.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            f"{n_way}way_{n_shot}shot_{name}_{figure}": value
            for n_way, n_shot in SIZES
            for name, n_tasks in N_TASKS.items()
            for figure, value in _compare(n_tasks, n_way, n_shot).items()
        }
    finally:
        torch.set_num_threads(threads)


def _compare(n_tasks: int, n_way: int, n_shot: int) -> dict[str, float]:
    draw = torch.Generator().manual_seed(0)
    generator, fit = load_generator("default"), PEERS["CLIP-Adapter"]
    shots = normalize(torch.randn(n_tasks, n_way, n_shot, WIDTH, generator=draw), dim=-1)
    texts = normalize(torch.randn(n_tasks, n_way, WIDTH, generator=draw), dim=-1)
    support = Support.of_tasks(shots, texts, logit_scale=LOGIT_SCALE)
    # The first call of each imports code (0.6 s for the optimizers), which should not count.
    generator.predict(support)
    fit(support.map(lambda part: part[:1]))
    predict_ms = statistics.median(
        _ms(lambda: generator.predict(support)) / n_tasks for _ in range(REPEATS)
    )
    fitted = support.map(lambda part: part[:MOST_FITTED])
    fit_ms = _ms(lambda: fit(fitted)) / fitted.n_tasks
    return {"predict_ms": predict_ms, "fit_ms": fit_ms, "ratio": predict_ms / fit_ms}


def _ms(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)
