"""Measures for each kind of advice; each gives a table row for a set and a number of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.advice.draws import N_WAY, Set, draw
from benchmarks.advice.faults import with_swapped_names, with_wrong_labels
from metaadapter.apps.advice.kinds import Advice

KINDS = "stranger", "label", "near_duplicate", "name", "few_pictures", "confused"
WRONG_LABELS = 0.05
N_ALTERED = 15
STRANGER_WAYS = 6


def measure_labels(pictures: Set, n_shot: int, n_seeds: int) -> list[object]:
    hits, n_reported, n_wrong, gains = 0, 0, 0, []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, n_shot])
        correct = draw(pictures, n_shot, rng)
        several, wrong = with_wrong_labels(
            correct, max(1, round(WRONG_LABELS * len(correct.labels))), rng
        )
        reported = [advice.pictures[0] for advice in of_kind(several.advice(), "label")][:5]
        hits, n_reported = hits + len(wrong & {*reported}), n_reported + len(reported)
        n_wrong += min(len(wrong), 5)
        for place in reported[:1]:
            labels = several.labels.copy()
            labels[place] = correct.labels[place]
            if place in wrong:
                gains.append(several._replace(labels=labels).accuracy() - several.accuracy())
    return [hits / n_reported if n_reported else "–", hits / n_wrong, mean(gains)]


def measure_strangers(pictures: Set, others: list[Set], n_shot: int, n_seeds: int) -> list[object]:
    """Count the draws in which a stranger of another set, labelled as a class, comes first."""
    n_first, n_false = 0, 0
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, n_shot, 7])
        clean = draw(pictures, n_shot, rng, STRANGER_WAYS)
        n_false += len(of_kind(clean.advice(), "stranger"))
        for other in others:
            stranger = other.features[[rng.integers(len(other.features))]]
            label = rng.choice(sorted(clean.texts))
            several = clean._replace(
                features=np.concatenate([clean.features, stranger]),
                labels=np.append(clean.labels, label),
            )
            first = several.advice()[:1]
            n_first += bool(first and first[0].pictures == (len(clean.labels),))
    return [n_first / (n_seeds * len(others)), n_false / n_seeds]


def measure_names(pictures: Set, n_shot: int, n_seeds: int) -> list[object]:
    hits, n_reported, gains = 0, 0, []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, n_shot])
        swapped, names = with_swapped_names(correct := draw(pictures, n_shot, rng), rng)
        reported = of_kind(swapped.advice(), "name")
        good = [advice for advice in reported if advice.classes[0] in names]
        hits, n_reported = hits + bool(good), n_reported + len(reported)
        if good:
            gains.append(correct.accuracy() - swapped.accuracy())
    return [hits / n_reported if n_reported else "–", hits / n_seeds, mean(gains)]


def measure_confusions(pictures: Set, n_shot: int, n_seeds: int) -> list[object]:
    """Measure the held-out error between two classes: for reported pairs and for all pairs."""
    reported_errors, all_errors = [], []
    for seed in range(n_seeds):
        drawn = draw(pictures, n_shot, np.random.default_rng([seed, n_shot]))
        classes = sorted(drawn.texts)
        log_p = drawn.confusion()
        reported = {advice.classes for advice in of_kind(drawn.advice(), "confused")}
        for place, one in enumerate(classes):
            for other_place in range(place + 1, len(classes)):
                other = classes[other_place]
                towards = log_p[:, place] - log_p[:, other_place]
                wrong_one = (towards[drawn.query_labels == one] < 0).mean()
                wrong_other = (towards[drawn.query_labels == other] > 0).mean()
                all_errors.append(50 * (wrong_one + wrong_other))
                if (one, other) in reported:
                    reported_errors.append(all_errors[-1])
    return [len(reported_errors) / n_seeds, mean(reported_errors), mean(all_errors)]


def measure_needs(pictures: Set, most: int, n_seeds: int) -> list[object]:
    """Measure the gain from one more picture, for the first reported class and for each class."""
    reported_gains, all_gains, n_reported = [], [], 0
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, most])
        uneven = {str(place): int(rng.integers(1, most + 1)) for place in range(N_WAY)}
        drawn = draw(pictures, uneven, rng)
        before = drawn.accuracy()
        reported = of_kind(drawn.advice(), "few_pictures")
        n_reported += bool(reported)
        for label, rows in drawn.spare.items():
            gains = [
                drawn._replace(
                    features=np.concatenate([drawn.features, row[None]]),
                    labels=np.append(drawn.labels, label),
                ).accuracy()
                - before
                for row in rows
            ]
            all_gains += gains
            if reported and reported[0].classes == (label,):
                reported_gains += gains
    return [n_reported / n_seeds, mean(reported_gains), mean(all_gains)]


def measure_alarms(pictures: Set, n_shot: int, n_seeds: int) -> list[object]:
    """Count the pieces of advice of each kind per draw, on unchanged pictures."""
    counts = dict.fromkeys(KINDS, 0)
    for seed in range(n_seeds):
        for advice in draw(pictures, n_shot, np.random.default_rng([seed, n_shot])).advice():
            counts[advice.kind] += 1
    return [count / n_seeds for count in counts.values()]


def of_kind(advice: list[Advice], kind: str) -> list[Advice]:
    return [piece for piece in advice if piece.kind == kind]


def mean(values: list[float]) -> float | str:
    return float(np.mean(values)) if values else "–"
