"""Tasks learned from in a second, beside learn2learn's MAML and easyfsl's prototypes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from episodes import TaskSource, to_learn2learn
from episodes.learn2learn_bridge import import_learn2learn
from metaadapter.apps.cli.process import keep_freed_memory
from metaadapter.training.config import TrainConfig
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

WIDTH, N_WAY, N_SHOT, N_QUERY, N_TASKS, REPEATS = 512, 5, 5, 15, 16, 7
N_WARM_UP = 2
MAML_STEPS = 5  # as in learn2learn's example on mini-imagenet


def measure(n_tasks: int = N_TASKS, repeats: int = REPEATS) -> dict[str, float]:
    """Tasks a second on the same 4,000 features × 512, in processor time of one thread.

    A task has 5 ways, 5 shots and 15 queries a class; a step has 16 tasks, and includes their draw.
    Ours trains the generator with the default perturbations. On the features, learn2learn trains a
    linear classifier by second-order MAML, and easyfsl a linear map before its prototypes, which
    steps after each task. Medians of seven steps, in turn; a peer that is missing is left out.

    All run in a process that keeps freed memory, as `metaadapter train` does.
    """
    command = [sys.executable, "-m", "benchmarks.meta_training", str(n_tasks), str(repeats)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {name: float(figure) for name, figure in json.loads(done.stdout).items()}


def _measured(n_tasks: int, repeats: int) -> dict[str, float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    try:
        ours, source = _ours(n_tasks)
        sides = {"tasks_s": ours}
        peers: dict[str, Callable[[], Callable[[], object]]] = {
            "learn2learn": lambda: _maml(source, n_tasks, repeats + N_WARM_UP),
            "easyfsl": lambda: _prototypes(source, n_tasks),
        }
        for name, make in peers.items():
            try:
                sides[f"{name}_tasks_s"] = make()
            except ImportError as reason:
                first = str(reason).splitlines()[0]
                print(f"meta-training: left out {name}: {first}", file=sys.stderr)
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for repeat in range(repeats + N_WARM_UP):
            for name, step in sides.items():
                started = time.process_time()
                step()
                if repeat >= N_WARM_UP:
                    seconds[name].append(time.process_time() - started)
    finally:
        torch.set_num_threads(threads)
    rates = {name: n_tasks / sorted(times)[repeats // 2] for name, times in seconds.items()}
    ratios = {
        f"ratio_to_{name.removesuffix('_tasks_s')}": rates["tasks_s"] / rate
        for name, rate in rates.items()
        if name != "tasks_s"
    }
    return rates | ratios


def _ours(n_tasks: int) -> tuple[Callable[[], object], TaskSource]:
    source = {"name": "bench", "synthetic": {"n_classes": 100, "width": WIDTH}}
    sizes = {"n_way": (N_WAY, N_WAY), "n_shot": (N_SHOT, N_SHOT), "n_query": N_QUERY}
    optim = {"steps": 10**6, "tasks_per_draw": n_tasks}
    config = TrainConfig.model_validate(
        {
            "data": {"sources": [source]},
            "episodes": sizes,
            "optim": optim,
            "validate": {"every": 10**6},
        }
    )
    data, cpu = load_training_data(config), torch.device("cpu")
    mixture = data.mixture(config, cpu)
    steps = Trainer(config, mixture, data.validator(config, cpu), cpu).steps()
    next(steps)
    return lambda: next(steps), mixture.sources[0]


def _maml(source: TaskSource, n_tasks: int, n_steps: int) -> Callable[[], object]:
    """The loop of learn2learn's own examples."""
    maml = import_learn2learn().algorithms.MAML(nn.Linear(WIDTH, N_WAY), lr=0.5)
    optimizer = torch.optim.Adam(maml.parameters(), 1e-3)
    n_drawn = n_tasks * n_steps
    tasks = to_learn2learn(
        source.features_nVD[:, 0], source.labels_n, N_WAY, N_SHOT, N_QUERY, n_drawn
    )
    numbers = iter(range(n_drawn))
    is_support = torch.arange(N_WAY * (N_SHOT + N_QUERY)) % (N_SHOT + N_QUERY) < N_SHOT

    def step() -> None:
        optimizer.zero_grad()
        for _ in range(n_tasks):
            rows, labels = tasks[next(numbers)]
            learner = maml.clone()
            for _ in range(MAML_STEPS):
                learner.adapt(cross_entropy(learner(rows[is_support]), labels[is_support]))
            loss = cross_entropy(learner(rows[~is_support]), labels[~is_support])
            (loss / n_tasks).backward()
        optimizer.step()

    return step


def _prototypes(source: TaskSource, n_tasks: int) -> Callable[[], object]:
    """The loop of easyfsl's notebook on episodic training."""
    from easyfsl.datasets import FeaturesDataset
    from easyfsl.methods import PrototypicalNetworks
    from easyfsl.samplers import TaskSampler

    labels = source.labels_n.tolist()
    names = [str(number) for number in range(len(source.text_CD))]
    table = FeaturesDataset(labels, source.features_nVD[:, 0], names)
    # easyfsl 1.5.0 passes an argument that PyTorch's samplers no longer take.
    with patch.object(torch.utils.data.Sampler, "__init__", lambda *_, **__: None):
        sampler = TaskSampler(table, N_WAY, N_SHOT, N_QUERY, n_tasks)
    loader = torch.utils.data.DataLoader(
        table, batch_sampler=sampler, collate_fn=sampler.episodic_collate_fn
    )
    model = PrototypicalNetworks(nn.Linear(WIDTH, WIDTH))
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)

    def step() -> None:
        for support, support_labels, queries, query_labels, _ in loader:
            optimizer.zero_grad()
            model.process_support_set(support, support_labels)
            cross_entropy(model(queries), query_labels).backward()
            optimizer.step()

    return step


if __name__ == "__main__":
    keep_freed_memory()
    print(json.dumps(_measured(*map(int, sys.argv[1:]))))
