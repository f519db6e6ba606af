"""The evaluations of the ablation: unseen data sets, and supports from another domain.

Letters: T tasks, N ways, K shots, Q queries a class, D feature width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from episodes import EpisodeRows, EpisodeSpec, TaskSource, cross_domain_draws, gather, nested_draws
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.training.config import SourceConfig, SplitPart
from metaadapter.training.sources import load_source

SHOTS = (1, 2, 4, 8, 16)
N_QUERY, MOST_WAYS = 15, 20
# A task of emoji has one query per class, while the other tasks have fifteen.
EMOJI_TASKS = 4
# Tasks in a batch; with 20 classes of 16 shots, a batch takes about 100 MB.
CHUNK = 10

UNSEEN = ("tiny-imagenet-val", "cifar10", "clothing10")
# CIFAR's class → classes of Tiny ImageNet of this kind, which has no plane, deer, horse or ship.
CIFAR_CLASS_OF = {
    "automobile": (
        "n02814533 beach wagon",
        "n03100240 convertible",
        "n03670208 limousine",
        "n04285008 sports car",
    ),
    "bird": ("n01855672 goose", "n02056570 king penguin"),
    "cat": ("n02123045 tabby", "n02123394 Persian cat"),
    "dog": (
        "n02085620 Chihuahua",
        "n02094433 Yorkshire terrier",
        "n02099601 golden retriever",
        "n02099712 Labrador retriever",
        "n02106662 German shepherd",
        "n02113799 standard poodle",
    ),
    "frog": ("n01641577 bullfrog",),
    "truck": ("n03796401 moving van",),
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Fixed tasks from a data set; a support of many shots begins with that of fewer shots."""

    name: str
    is_shift: bool
    """True if support and queries come from different domains."""
    source: TaskSource
    rows: EpisodeRows
    shots: tuple[int, ...]


def load_evaluations(
    stores: Path, emoji_classes: Path, *, n_tasks: int, seed: int
) -> tuple[Evaluation, ...]:
    """Draw the evaluations, with the same tasks for every generator.

    Args:
        stores: Folder of the feature stores.
        emoji_classes: The class split whose part "held-out" is not in the training data of any row.
        n_tasks: The number of tasks of an evaluation; four times as many for emoji.
        seed: The seed of the tasks.
    """
    unseen = [_unseen(stores, name, n_tasks, seed) for name in UNSEEN]
    pacs = _source(stores, "pacs", "pacs-photo", "pacs-cartoon")
    held_out = SplitPart(split=str(emoji_classes), part="held-out")
    emoji = _source(stores, "emoji", "emoji-google", "emoji-twitter", classes=held_out)
    return (
        *unseen,
        _shift("photo → cartoon", pacs, SHOTS, n_tasks, seed),
        _shift("cartoon → photo", pacs, SHOTS, n_tasks, seed, support_domain=1),
        _shift("google → twitter", emoji, (1,), EMOJI_TASKS * n_tasks, seed),
        _shift("photographs → cifar10", _photographs_and_cifar(stores), SHOTS, n_tasks, seed),
    )


def accuracy_by_shots(
    generator: AdapterGenerator, evaluation: Evaluation
) -> dict[int, list[float]]:
    """Gradient-free accuracy of each task in %, by the number of shots."""
    return {
        n_shot: [
            percent
            for rows in evaluation.rows.first(n_shot).split(CHUNK)
            for percent in _accuracy(generator, evaluation.source, rows)
        ]
        for n_shot in evaluation.shots
    }


def _accuracy(generator: AdapterGenerator, source: TaskSource, rows: EpisodeRows) -> list[float]:
    batch = gather(rows, source).batch
    weights = generator.predict(Support.of_batch(batch, source.logit_scale))
    there_TQ = batch.query_labels_TQ >= 0
    predicted_TQ = classify(batch.query_TQD, weights).argmax(-1)
    correct_TQ = (predicted_TQ == batch.query_labels_TQ) & there_TQ
    percent: list[float] = (100 * correct_TQ.sum(-1) / there_TQ.sum(-1)).tolist()
    return percent


def _unseen(stores: Path, name: str, n_tasks: int, seed: int) -> Evaluation:
    source = _source(stores, name, name)
    rows = nested_draws(source.index, SHOTS, N_QUERY, n_tasks, MOST_WAYS, seed)
    return Evaluation(name, False, source, rows, SHOTS)


def _shift(
    name: str,
    source: TaskSource,
    shots: tuple[int, ...],
    n_tasks: int,
    seed: int,
    *,
    support_domain: int = 0,
) -> Evaluation:
    rows = cross_domain_draws(
        source.index,
        support_domain=support_domain,
        query_domain=1 - support_domain,
        n_shot=max(shots),
        n_query=N_QUERY,
        n_tasks=n_tasks,
        most_ways=MOST_WAYS,
        seed=seed,
    )
    return Evaluation(name, True, source, rows, shots)


def _source(root: Path, name: str, *stores: str, classes: SplitPart | None = None) -> TaskSource:
    config = SourceConfig(name=name, stores=stores, classes=classes)
    return load_source(config, root, EpisodeSpec(), average_views=True).tasks


def _photographs_and_cifar(root: Path) -> TaskSource:
    """A source of two domains: Tiny ImageNet with CIFAR's class names (0), and CIFAR (1)."""
    cifar = FeatureStore.open(root / "cifar10")
    names = tuple(CIFAR_CLASS_OF)
    own_name = {original: name for name, many in CIFAR_CLASS_OF.items() for original in many}
    photographs = [
        _renamed(FeatureStore.open(root / store), own_name, names)
        for store in ("tiny-imagenet-train", "tiny-imagenet-val")
    ]
    queries = _renamed(cifar, {name: name for name in names}, names)
    parts = [*photographs, queries]
    domain_of_part = torch.tensor([0, 0, 1])
    texts = cifar.class_texts()
    return TaskSource(
        name="photographs and cifar10",
        features_nVD=torch.cat([features for features, _ in parts])[:, None],
        labels_n=torch.cat([labels for _, labels in parts]),
        text_CD=torch.from_numpy(np.stack([texts[name] for name in names])).float(),
        logit_scale=cifar.logit_scale,
        domains_n=domain_of_part.repeat_interleave(
            torch.tensor([len(labels) for _, labels in parts])
        ),
    )


def _renamed(
    store: FeatureStore, own_name: Mapping[str, str], names: tuple[str, ...]
) -> tuple[Tensor, Tensor]:
    """Features and class numbers of the pictures whose class, after renaming, is in `names`."""
    features, labels = store.mean_features()
    kept = np.flatnonzero(np.isin(labels, list(own_name)))
    numbers = [names.index(own_name[str(label)]) for label in labels[kept]]
    return torch.from_numpy(features[kept]), torch.tensor(numbers)
