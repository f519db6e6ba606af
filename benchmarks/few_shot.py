"""Few-shot accuracy of the default generator beside three simple heads, on feature stores.

    python -m benchmarks.few_shot STORE… [--tasks 50] [--json]

All classes of a store up to 20, 15 queries a class; every method sees the same tasks. The interval
is Student's at 95 % over the tasks: it covers which classes and pictures were drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter import classify
from metaadapter.features import FeatureStore
from metaadapter.generator import load_generator

SHOTS = (1, 2, 4, 8, 16)
MOST_CLASSES, N_QUERY = 20, 15
Head = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Support (N, K, D), text (N, D) and queries (Q, D) → logits (Q, N)."""


def heads() -> dict[str, Head]:
    """The methods, by name; none has a setting that depends on the store."""
    generator = load_generator("default")

    def predicted(support: Tensor, text: Tensor, query: Tensor) -> Tensor:
        return classify(query, generator.predict(support[None], text[None]).task(0))

    return {
        "zero-shot": lambda _, text, query: query @ text.T,
        "prototypes": lambda support, _, query: query @ normalize(support.mean(1), dim=1).T,
        "text + mean": lambda support, text, query: (
            query @ normalize(text + support.mean(1), dim=1).T
        ),
        "metaadapter": predicted,
    }


def main() -> None:
    """Print one table per store, or one JSON document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for folder in args.stores:
        results[folder.name] = scores = measure_store(folder, args.tasks, args.seed)
        if not args.json:
            print(f"\n{folder.name}, accuracy in % over {args.tasks} tasks\n")
            print("| method | " + " | ".join(map(str, SHOTS)) + " |")
            print("|---" * (len(SHOTS) + 1) + "|")
            for name, row in scores.items():
                cells = [f"{100 * mean:.1f} ± {100 * half:.1f}" for mean, half in row.values()]
                print(f"| {name} | " + " | ".join(cells) + " |")
    if args.json:
        print(json.dumps({"schema": "metaadapter.bench.few_shot/1", "results": results}))


def measure_store(
    folder: Path, n_tasks: int, seed: int
) -> dict[str, dict[int, tuple[float, float]]]:
    """Mean accuracy and half-width of its interval, by method and shots."""
    store = FeatureStore.open(folder)
    X, y = store.mean_features()
    labels = np.searchsorted(store.classes, y)
    text = torch.from_numpy(np.stack(list(store.class_texts().values())))
    methods = heads()
    accuracy: dict[str, dict[int, list[float]]] = {name: {} for name in methods}
    for n_shot in SHOTS:
        rng = np.random.default_rng([seed, n_shot])
        for support, classes, query, truth in tasks(X, labels, n_shot, n_tasks, rng):
            for name, head in methods.items():
                right = head(support, text[classes], query).argmax(1) == truth
                accuracy[name].setdefault(n_shot, []).append(float(right.float().mean()))
    return {
        name: {n_shot: _interval(values) for n_shot, values in row.items()}
        for name, row in accuracy.items()
    }


def tasks(
    X: np.ndarray, labels: np.ndarray, n_shot: int, n_tasks: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Support (N, K, D), classes (N,), queries (N·15, D) and their true places in `classes`."""
    rows = torch.from_numpy(X)
    n_classes = int(labels.max()) + 1
    for _ in range(n_tasks):
        classes = rng.permutation(n_classes)[:MOST_CLASSES]
        drawn = [rng.permutation(np.flatnonzero(labels == c))[: n_shot + N_QUERY] for c in classes]
        support = torch.stack([rows[d[:n_shot]] for d in drawn])
        query = torch.cat([rows[d[n_shot:]] for d in drawn])
        truth = torch.cat([torch.full((len(d) - n_shot,), i) for i, d in enumerate(drawn)])
        yield support, torch.from_numpy(classes), query, truth


def _interval(values: list[float]) -> tuple[float, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return float(np.mean(values)), float(half)


if __name__ == "__main__":
    main()
