"""How right each kind of advice is: one row of a table for a set and a number of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.advice.draws import N_WAY, Set, draw
from benchmarks.advice.faults import with_swapped_names, with_wrong_labels
from benchmarks.altered_pictures import ALTERED
from metaadapter.apps.advice.advice import Advice
from metaadapter.data.decode import decode_image
from metaadapter.features.encoder import FrozenEncoder

KINDS = "label", "near_duplicate", "name", "few_pictures", "confused"
WRONG_LABELS = 0.05
N_ALTERED = 15


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


def found(advice: list[Advice], kind: str) -> list[Advice]:
    return [each for each in advice if each.kind == kind]


def mean(values: list[float]) -> float | str:
    return float(np.mean(values)) if values else "–"
