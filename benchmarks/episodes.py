"""Tasks drawn and gathered per second, in batches, compared with learn2learn's `Taskset`."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn.functional import normalize

from episodes import EpisodeSampler, EpisodeSpec, TaskSource, gather, to_learn2learn

N_CLASSES, N_PICTURES, WIDTH, N_QUERY, REPEATS = 100, 100, 512, 15, 5
# Ways, shots, tasks drawn in a batch, and tasks gathered with features in a batch: enough rows to
# keep torch busy, and no more features (a few MB) than fit into the processor's cache.
SIZES = [(5, 5, 1024, 32), (20, 16, 256, 2)]
N_SLOW_TASKS = 20


def measure() -> dict[str, float]:
    """Tasks per second on the same 10,000 features × 512, in processor time of one thread.

    `rows` draws only row numbers; the other figures include the features, and the ratios compare
    with learn2learn. Each figure is the best of five repetitions, in which the two libraries
    alternate. Without learn2learn only our figures are measured.
    """
    draw = torch.Generator().manual_seed(0)
    features_nD = normalize(torch.randn(N_CLASSES * N_PICTURES, WIDTH, generator=draw), dim=-1)
    source = TaskSource(
        name="bench",
        features_nVD=features_nD[:, None],
        labels_n=torch.arange(N_CLASSES).repeat_interleave(N_PICTURES),
        text_CD=normalize(torch.randn(N_CLASSES, WIDTH, generator=draw), dim=-1),
        logit_scale=100.0,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            f"{n_way}way_{n_shot}shot_{figure}": value
            for n_way, n_shot, n_tasks, n_part in SIZES
            for figure, value in _compare(source, n_way, n_shot, n_tasks, n_part, draw).items()
        }
    finally:
        torch.set_num_threads(threads)


def _compare(
    source: TaskSource, n_way: int, n_shot: int, n_tasks: int, n_part: int, draw: torch.Generator
) -> dict[str, float]:
    spec = EpisodeSpec((n_way, n_way), (n_shot, n_shot), N_QUERY, alike=True)
    sampler = EpisodeSampler(source.index, spec)

    def draw_features() -> None:
        for part in sampler.draw(n_tasks, draw).split(n_part):
            gather(part, source)

    sides: dict[str, tuple[int, Callable[[], object]]] = {
        "rows_tasks_s": (n_tasks, lambda: sampler.draw(n_tasks, draw)),
        "tasks_s": (n_tasks, draw_features),
    }
    n_all = N_SLOW_TASKS * (REPEATS + 1)
    try:
        taskset = to_learn2learn(
            source.features_nVD[:, 0], source.labels_n, n_way, n_shot, N_QUERY, n_all
        )
    except ImportError:
        return _tasks_a_second(sides)
    # A task set caches its tasks, so every run takes new tasks.
    numbers = iter(range(n_all))
    sides["learn2learn_tasks_s"] = (
        N_SLOW_TASKS,
        lambda: [taskset[next(numbers)] for _ in range(N_SLOW_TASKS)],
    )
    rates = _tasks_a_second(sides)
    theirs = rates["learn2learn_tasks_s"]
    return {
        **rates,
        "rows_ratio": rates["rows_tasks_s"] / theirs,
        "ratio": rates["tasks_s"] / theirs,
    }


def _tasks_a_second(sides: dict[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for repeat in range(REPEATS + 1):
        for name, (n_tasks, run) in sides.items():
            start = time.process_time()
            run()
            speed = n_tasks / (time.process_time() - start)
            if repeat > 0:  # The first run is only a warm-up.
                best[name] = max(speed, best.get(name, 0.0))
    return best
