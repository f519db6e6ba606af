"""Tasks of 2 to 20,000 classes and of 2,000 to 16,000 pictures, against closed form and GDA.

The bench measures the three sizes that have limits. All twelve, or one of any size, take minutes:

python -m benchmarks.generator_scale [WAYS SHOTS SHOTS_OF_EVERY_SECOND_CLASS]
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.bench.evaluation.cost import peak_mib
from metaadapter.bench.peers.gda import gda
from metaadapter.generator.pretrained import load_generator

WIDTH, N_QUERY = 512, 2000
# Classes differ in so many directions, in which the pictures of a class scatter so much.
N_DIRECTIONS, SCATTER = 128, 2.0
# The length of what pictures show besides, and the error of a name.
BESIDE, NAME_ERROR = 0.2, 2.0
# Ways, shots, and the shots of every second class; 0 shots are names alone.
WITH_LIMITS = ((1000, 16, 16), (20_000, 1, 1), (20_000, 0, 0))
TASKS = (
    *((2, 1, 1), (100, 1, 1), (1000, 1, 1), (5000, 1, 1)),
    *((100, 20, 20), (100, 40, 40), (100, 160, 160)),
    *((100, 50, 1), (1000, 20, 1)),
    *WITH_LIMITS,
)


def measure(tasks: Sequence[tuple[int, int, int]] = WITH_LIMITS) -> dict[str, float]:
    """The figures of each task by name, such as `1000x16_default_accuracy`."""
    figures = {}
    for task in tasks:
        # A separate process, so that its peak memory is the peak of this task.
        command = [sys.executable, "-m", "benchmarks.generator_scale", *map(str, task)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        n_way, n_shot, n_other = task
        name = f"{n_way}x{n_shot}" if n_shot == n_other else f"{n_way}x{n_shot}_or_{n_other}"
        figures |= {f"{name}_{key}": value for key, value in json.loads(done.stdout).items()}
    return figures


def measure_task(n_way: int, n_shot: int, n_other: int) -> dict[str, float]:
    """Accuracy, log loss and seconds of each prediction, and the default's peak memory in GiB.

    `below_closed_form` is 1 if the default is below its closed form by more than a 95 % interval.
    """
    tasks = [draw(n_way, n_shot, n_other, seed) for seed in range(max(1, 100 // n_way))]
    figures: dict[str, float] = {}
    scores: dict[str, Tensor] = {}
    methods: dict[str, Callable[[Support], AdapterWeights]] = {
        "default": load_generator("default").predict,
        "closed_form": load_generator("closed-form").predict,
        "gda": gda,
    }
    for name, predict in methods.items():
        start = time.perf_counter()
        adapters = [predict(support).task(0) for support, _, _ in tasks]
        figures[f"{name}_seconds"] = (time.perf_counter() - start) / len(tasks)
        of_tasks = [
            scores_of(adapter, query, label)
            for adapter, (_, query, label) in zip(adapters, tasks, strict=True)
        ]
        # One task has an interval over its queries, several have one over tasks.
        several = len(tasks) > 1
        scores[name] = torch.stack([part.mean(0) for part in of_tasks]) if several else of_tasks[0]
        if name == "default":
            figures["peak_gib"] = (peak_mib(torch.device("cpu"), 0.0) or math.nan) / 1024
        accuracy, log_loss = scores[name].mean(0).tolist()
        figures |= {f"{name}_accuracy": accuracy, f"{name}_log_loss": log_loss}
    single = [support.to(dtype=torch.float32) for support, _, _ in tasks]
    start = time.perf_counter()
    for support in single:
        methods["default"](support)
    figures["default_float32_seconds"] = (time.perf_counter() - start) / len(tasks)
    worse_n2 = (scores["default"] - scores["closed_form"]) * torch.tensor([-1.0, 1.0])
    interval_2 = 1.96 * worse_n2.std(0) / len(worse_n2) ** 0.5
    figures["below_closed_form"] = float((worse_n2.mean(0) > interval_2 + 1e-9).any())
    return figures


def draw(n_way: int, n_shot: int, n_other: int, seed: int) -> tuple[Support, Tensor, Tensor]:
    """A task of Gaussian classes, and queries of all classes alike."""
    random = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    directions = noise(N_DIRECTIONS, WIDTH)

    def rows(means: Tensor, scatter: float) -> Tensor:
        inside = means + scatter * noise(*means.shape)
        beside = BESIDE * N_DIRECTIONS**0.5 * noise(*means.shape[:-1], WIDTH)
        return normalize(inside @ directions + beside, dim=-1)

    means = noise(n_way, N_DIRECTIONS)
    mask = torch.ones(n_way, n_shot, dtype=torch.bool)
    mask[1::2, n_other:] = False
    label = torch.randint(n_way, (N_QUERY,), generator=random)
    pictures = rows(means[:, None].expand(-1, n_shot, -1), SCATTER)
    text, query = rows(means, NAME_ERROR), rows(means[label], SCATTER)
    support = Support.of_tasks(pictures[None], text[None], mask[None], logit_scale=50.0)
    return support.exact, query.double(), label


def scores_of(adapter: AdapterWeights, query: Tensor, label: Tensor) -> Tensor:
    """For each query: whether it is classified correctly, and its log loss."""
    parts = []
    for rows, labels in zip(query.split(200), label.split(200), strict=True):
        log_p = classify(rows, adapter).log_softmax(-1)
        own = log_p.gather(1, labels[:, None])[:, 0]
        parts.append(torch.stack([(log_p.argmax(-1) == labels).double(), -own], -1))
    return torch.cat(parts)


if __name__ == "__main__":
    chosen = [int(argument) for argument in sys.argv[1:]]
    print(json.dumps(measure_task(*chosen) if chosen else measure(TASKS), indent=2))
