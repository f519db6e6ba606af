"""How right the advice of `metaadapter doctor --advise` is, on pictures with known faults.

    python -m benchmarks.advice STORE… [--seeds 20]

Stores are those of `metaadapter encode`, made on this machine, their picture files still there.
Each draw is of ten classes. Prints the tables of docs/advice.md.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.altered_pictures import ALTERED
from metaadapter.adapter import Support, classify
from metaadapter.advice import Advice, advise
from metaadapter.features import FeatureStore, FrozenEncoder, read_store
from metaadapter.generator import shared_generator
from metaadapter.images import decode_image

N_WAY = 10
SHOTS = 1, 2, 4, 8, 16
WRONG_LABELS = 0.05
N_ALTERED = 15
QUERIES = 20  # of each class
KINDS = "label", "near_duplicate", "name", "few_pictures", "confused"


class Set(NamedTuple):
    """The pictures of a store, as arrays."""

    features: np.ndarray
    labels: np.ndarray
    texts: dict[str, np.ndarray]
    paths: tuple[str, ...]
    blocks: tuple[int, ...]


class Draw(NamedTuple):
    """Labelled pictures, others of the same classes, and what each name says."""

    features: np.ndarray
    labels: np.ndarray
    texts: dict[str, np.ndarray]
    queries: np.ndarray
    query_labels: np.ndarray
    further: dict[str, np.ndarray]
    """class → features of two pictures that are in neither."""
    blocks: tuple[int, ...]

    def advice(self) -> list[Advice]:
        return advise(self.features, self.labels.tolist(), self.texts, blocks=self.blocks)

    def confusion(self) -> np.ndarray:
        """(q, N) log-probabilities of the queries by the generator that ships."""
        classes = sorted(self.texts)
        rows = torch.from_numpy(self.features)
        numbers = torch.from_numpy(np.searchsorted(classes, self.labels))
        texts = torch.from_numpy(np.stack([self.texts[label] for label in classes]))
        support = Support.of_rows(rows, numbers, texts, logit_scale=20.0, blocks=self.blocks)
        weights = shared_generator("default")[0].predict(support)
        return classify(torch.from_numpy(self.queries)[None], weights)[0].log_softmax(-1).numpy()

    def accuracy(self) -> float:
        predicted = np.array(sorted(self.texts))[self.confusion().argmax(-1)]
        return 100 * float((predicted == self.query_labels).mean())


def read(store: FeatureStore) -> Set:
    pictures = read_store(store)
    return Set(
        pictures.features.astype(np.float32),
        np.array(pictures.labels),
        dict(store.class_texts()),
        pictures.paths,
        store.blocks,
    )


def draw(some: Set, shots: dict[str, int] | int, rng: np.random.Generator) -> Draw:
    classes = rng.permutation(sorted(some.texts))[:N_WAY]
    if isinstance(shots, dict):
        shots = dict(zip(classes, shots.values(), strict=False))
    rows: dict[str, list[int]] = defaultdict(list)
    further = {}
    for label in classes:
        own = rng.permutation(np.flatnonzero(some.labels == label))
        n_own = shots[label] if isinstance(shots, dict) else shots
        rows["support"] += own[:n_own].tolist()
        further[label] = some.features[own[n_own : n_own + 2]]
        rows["queries"] += own[n_own + 2 :][:QUERIES].tolist()
    return Draw(
        some.features[rows["support"]],
        some.labels[rows["support"]],
        {label: some.texts[label] for label in classes},
        some.features[rows["queries"]],
        some.labels[rows["queries"]],
        further,
        some.blocks,
    )


def with_wrong_labels(right: Draw, n_wrong: int, rng: np.random.Generator) -> tuple[Draw, set]:
    """Some labels made wrong, and which; every class keeps a picture."""
    classes = np.array(sorted(right.texts))
    while True:
        wrong = rng.permutation(len(right.labels))[:n_wrong]
        labels = right.labels.copy()
        for place in wrong:
            labels[place] = rng.choice(classes[classes != right.labels[place]])
        if len({*labels}) == len(classes):
            return right._replace(labels=labels), {*wrong.tolist()}


def with_swapped_names(right: Draw, rng: np.random.Generator) -> tuple[Draw, set]:
    one, other = rng.permutation(sorted(right.texts))[:2]
    texts = right.texts | {one: right.texts[other], other: right.texts[one]}
    return right._replace(texts=texts), {str(one), str(other)}


def found(advice: list[Advice], kind: str) -> list[Advice]:
    return [each for each in advice if each.kind == kind]


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |")


def mean(values: list[float]) -> float | str:
    return float(np.mean(values)) if values else "–"


def measure_labels(some: Set, n_shot: int, n_seeds: int) -> list[object]:
    hits, n_told, n_wrong, gains = 0, 0, 0, []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, n_shot])
        right = draw(some, n_shot, rng)
        several, wrong = with_wrong_labels(
            right, max(1, round(WRONG_LABELS * len(right.labels))), rng
        )
        told = [each.pictures[0] for each in found(several.advice(), "label")]
        hits, n_told = hits + len(wrong & {*told}), n_told + len(told)
        n_wrong += min(len(wrong), 5)
        for place in told[:1]:
            labels = several.labels.copy()
            labels[place] = right.labels[place]
            if place in wrong:
                gains.append(several._replace(labels=labels).accuracy() - several.accuracy())
    return [hits / n_told if n_told else "–", hits / n_wrong, mean(gains)]


def measure_names(some: Set, n_shot: int, n_seeds: int) -> list[object]:
    hits, n_told, gains = 0, 0, []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, n_shot])
        swapped, names = with_swapped_names(right := draw(some, n_shot, rng), rng)
        told = found(swapped.advice(), "name")
        good = [each for each in told if each.classes[0] in names]
        hits, n_told = hits + bool(good), n_told + len(told)
        if good:
            gains.append(right.accuracy() - swapped.accuracy())
    return [hits / n_told if n_told else "–", hits / n_seeds, mean(gains)]


def measure_confusions(some: Set, n_shot: int, n_seeds: int) -> list[object]:
    """The held-out error between two classes: of pairs that are told of, and of all pairs."""
    told_errors, all_errors = [], []
    for seed in range(n_seeds):
        drawn = draw(some, n_shot, np.random.default_rng([seed, n_shot]))
        classes = sorted(drawn.texts)
        log_p = drawn.confusion()
        told = {each.classes for each in found(drawn.advice(), "confused")}
        for place, one in enumerate(classes):
            for other_place in range(place + 1, len(classes)):
                other = classes[other_place]
                towards = log_p[:, place] - log_p[:, other_place]
                wrong_one = (towards[drawn.query_labels == one] < 0).mean()
                wrong_other = (towards[drawn.query_labels == other] > 0).mean()
                all_errors.append(50 * (wrong_one + wrong_other))
                if (one, other) in told:
                    told_errors.append(all_errors[-1])
    return [len(told_errors) / n_seeds, mean(told_errors), mean(all_errors)]


def measure_needs(some: Set, most: int, n_seeds: int) -> list[object]:
    """What one picture more wins: of the first class that is told of, and of each."""
    told_gains, all_gains, n_told = [], [], 0
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, most])
        uneven = {str(place): int(rng.integers(1, most + 1)) for place in range(N_WAY)}
        drawn = draw(some, uneven, rng)
        before = drawn.accuracy()
        told = found(drawn.advice(), "few_pictures")
        n_told += bool(told)
        for label, rows in drawn.further.items():
            gains = [
                drawn._replace(
                    features=np.concatenate([drawn.features, row[None]]),
                    labels=np.append(drawn.labels, label),
                ).accuracy()
                - before
                for row in rows
            ]
            all_gains += gains
            if told and told[0].classes == (label,):
                told_gains += gains
    return [n_told / n_seeds, mean(told_gains), mean(all_gains)]


def measure_copies(some: Set, encoder: FrozenEncoder, n_shot: int) -> dict[str, float]:
    """The share of altered copies that are told of, each among ten classes of pictures."""
    rng = np.random.default_rng(0)
    places = rng.permutation(len(some.labels))[:N_ALTERED]
    pictures = [decode_image(Path(some.paths[place])) for place in places]
    shares = {}
    for name, alter in ALTERED.items():
        copies = encoder.encode_images([alter(picture) for picture in pictures])
        hits = 0
        for place, copy in zip(places, copies, strict=True):
            label = some.labels[place]
            drawn = draw(some, n_shot, rng)
            texts = drawn.texts | {label: some.texts[label]}
            features = np.concatenate([drawn.features, some.features[[place]], copy[None]])
            both = {len(features) - 2, len(features) - 1}
            labels = np.append(drawn.labels, [label, label])
            told = found(
                drawn._replace(features=features, labels=labels, texts=texts).advice(),
                "near_duplicate",
            )
            hits += any(both <= {*each.pictures} for each in told)
        shares[name] = hits / len(places)
    return shares


def measure_alarms(some: Set, n_shot: int, n_seeds: int) -> list[object]:
    """Pieces of advice a draw, of each kind, on pictures as they are."""
    counts = dict.fromkeys(KINDS, 0)
    for seed in range(n_seeds):
        for each in draw(some, n_shot, np.random.default_rng([seed, n_shot])).advice():
            counts[each.kind] += 1
    return [count / n_seeds for count in counts.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    stores = {path.name: FeatureStore.open(path) for path in given.stores}
    sets = {name: read(store) for name, store in stores.items()}
    cells = [(name, some, n_shot) for name, some in sets.items() for n_shot in SHOTS]
    several = [cell for cell in cells if cell[2] > 1]
    n = given.seeds
    table(
        "5 % of the labels wrong, at least one",
        ["set", "shots", "precision", "recall", "points won by putting the first right"],
        [[name, k, *measure_labels(some, k, n)] for name, some, k in several],
    )
    table(
        "Two names swapped",
        ["set", "shots", "precision", "recall", "points won by putting them right"],
        [[name, k, *measure_names(some, k, n)] for name, some, k in cells],
    )
    table(
        "Unequal numbers of pictures, 1 to the shots",
        ["set", "shots", "draws with advice", "points won by a picture of the first class", "any"],
        [[name, k, *measure_needs(some, k, n)] for name, some, k in several],
    )
    table(
        "Pairs of classes, error between the two on other pictures, %",
        ["set", "shots", "pairs told a draw", "error of those", "of all pairs"],
        [[name, k, *measure_confusions(some, k, n)] for name, some, k in several],
    )
    table(
        "Pictures as they are: pieces of advice a draw",
        ["set", "shots", *KINDS],
        [[name, k, *measure_alarms(some, k, n)] for name, some, k in cells],
    )
    encoders = {store.encoder: FrozenEncoder.load(store.encoder) for store in stores.values()}
    table(
        "Copies that are told of, among 8 pictures of each class",
        ["set", *ALTERED],
        [
            [name, *measure_copies(some, encoders[stores[name].encoder], 8).values()]
            for name, some in sets.items()
        ],
    )


if __name__ == "__main__":
    main()
