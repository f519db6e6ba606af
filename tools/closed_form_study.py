"""Where the constants of the closed form come from: a grid on stores that nothing is reported on.

    python -m tools.closed_form_study STORE… [--tasks 12]

Prints the mean accuracy over the stores at 1, 2, 4, 8 and 16 shots for ridge strengths and text
trusts beside GDA, the temperature of least loss per store, and what balancing and texts-as-shots
are worth where shots are unequal or missing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from benchmarks.few_shot import SHOTS, tasks
from metaadapter.adapter import classify
from metaadapter.features import FeatureStore
from metaadapter.generator import emit, load_generator
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.closed_forms import ridge_towards_prior

GDA_ALPHA = {1: 1e-3, 2: 0.1, 4: 0.1, 8: 1.0, 16: 10.0}
Head = Callable[[Tensor, Tensor, Tensor], Tensor]


def ridge(strength: float, trust: float) -> Head:
    """Ridge towards `trust` times the text, in canonical coordinates; logits without a scale."""

    def head(support: Tensor, text: Tensor, query: Tensor) -> Tensor:
        n_way, n_shot = support.shape[:2]
        everything = torch.ones(1, n_way, n_shot, dtype=torch.bool)
        canonical = canonicalise(
            support[None], text[None], everything, everything.any(-1), torch.ones(1)
        )
        targets = one_hot(torch.arange(n_way).repeat_interleave(n_shot), n_way).float()
        noise = torch.full((1, n_way * n_shot), strength)
        shots = canonical.shots_TNKD.flatten(1, 2)
        vectors = ridge_towards_prior(shots, targets[None], noise, trust * canonical.text_TND)[0]
        return (query - canonical.image_centre_TD) / canonical.image_spread_T @ vectors.T

    return head


def gda(support: Tensor, text: Tensor, query: Tensor) -> Tensor:
    """GDA with the α(n) that its authors' validation chose most often."""
    n_way, n_shot, width = support.shape
    means = support.mean(1)
    residuals = (support - means[:, None]).flatten(0, 1)
    trace = residuals.square().sum() / max(n_way * n_shot - 1, 1)
    scatter = residuals.T @ residuals + trace.clamp(min=1e-6) * torch.eye(width)
    precision = width * torch.linalg.inv(scatter) if n_shot > 1 else torch.eye(width)
    vectors = means @ precision
    bias = -0.5 * (vectors * means).sum(1)
    return 15 * query @ text.T + GDA_ALPHA[n_shot] * (query @ vectors.T + bias)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--tasks", type=int, default=12)
    args = parser.parse_args()
    torch.set_num_threads(1)
    stores = {folder.name: _load(folder) for folder in args.stores}
    heads = {"GDA, α(n)": gda} | {
        f"ridge {strength}, trust {trust}": ridge(strength, trust)
        for strength in (0.3, 1.0, 3.0)
        for trust in (0.0, 0.3, 0.5, 0.7)
    }
    print("| head | " + " | ".join(map(str, SHOTS)) + " |\n" + "|---" * (len(SHOTS) + 1) + "|")
    for name, head in heads.items():
        means = [_mean_accuracy(stores, head, n_shot, args.tasks) for n_shot in SHOTS]
        print(f"| {name} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |", flush=True)
    print("\n| temperature of least loss | " + " | ".join(map(str, SHOTS)) + " |")
    print("|---" * (len(SHOTS) + 1) + "|")
    for name, store in stores.items():
        scales = [_best_scale(store, n_shot, args.tasks) for n_shot in SHOTS]
        print(f"| {name} | " + " | ".join(f"{scale:.1f}" for scale in scales) + " |", flush=True)
    print("\n| balance | texts as shots | 1–16 shots | 1 or 16 | 0 or 4 |\n|---|---|---|---|---|")
    for balance, noise in ((0.0, 1e6), (0.5, 1e6), (1.0, 1e6), (1.5, 1e6), (2.0, 1e6), (1.5, 0.1)):
        cells = [_unequal(stores, kind, balance, noise, args.tasks) for kind in UNEQUAL]
        label = "no" if noise > 1 else f"noise {noise}"
        print(f"| {balance} | {label} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")


UNEQUAL: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "1–16 shots": lambda rng, n_way: rng.integers(1, 17, n_way),
    "1 or 16": lambda rng, n_way: rng.choice([1, 16], n_way),
    "0 or 4": lambda _, n_way: np.where(np.arange(n_way) < n_way // 2, 0, 4),
}


def _load(folder: Path) -> tuple[np.ndarray, np.ndarray, Tensor]:
    store = FeatureStore.open(folder)
    X, y = store.mean_features()
    text = torch.from_numpy(np.stack(list(store.class_texts().values())))
    return X, np.searchsorted(store.classes, y), text


def _draw(store: tuple[np.ndarray, np.ndarray, Tensor], n_shot: int, n_tasks: int):  # noqa: ANN202
    X, labels, text = store
    if np.bincount(labels).min() > n_shot:
        rng = np.random.default_rng(n_shot)
        for support, classes, query, truth in tasks(X, labels, n_shot, n_tasks, rng):
            yield support, text[classes], query, truth


def _mean_accuracy(stores: dict, head: Head, n_shot: int, n_tasks: int) -> float:
    per_store = [
        np.mean([float((head(s, t, q).argmax(1) == y).float().mean()) for s, t, q, y in drawn])
        for drawn in (list(_draw(store, n_shot, n_tasks)) for store in stores.values())
        if drawn
    ]
    return 100 * float(np.mean(per_store))


def _best_scale(store: tuple, n_shot: int, n_tasks: int) -> float:
    head = ridge(emit.RIDGE, emit.TEXT_TRUST)
    drawn = [(head(s, t, q), y) for s, t, q, y in _draw(store, n_shot, n_tasks)]
    scales = torch.logspace(0, 2.3, 70)
    losses = [sum(cross_entropy(scale * logits, y) for logits, y in drawn) for scale in scales]
    return float(scales[int(np.argmin(losses))]) if drawn else float("nan")


def _unequal(stores: dict, kind: str, balance: float, noise: float, n_tasks: int) -> float:
    """Mean per-class accuracy with shots as `kind` draws them."""
    emit.BALANCE, emit.TEXT_AS_SHOT_NOISE = balance, noise
    generator, rng, scores = load_generator("closed-form"), np.random.default_rng(5), []
    for store in stores.values():
        for support, text, query, truth in _draw(store, 16, n_tasks):
            counts = torch.from_numpy(UNEQUAL[kind](rng, len(support)))
            mask = torch.arange(16) < counts[:, None]
            weights = generator.predict(support[None], text[None], mask[None]).task(0)
            right = (classify(query, weights).argmax(1) == truth).float()
            scores.append(np.mean([float(right[truth == c].mean()) for c in range(len(support))]))
    return 100 * float(np.mean(scores))


if __name__ == "__main__":
    main()
