"""Faults made in right labels and names."""

from __future__ import annotations

import numpy as np

from benchmarks.advice.draws import Draw


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
