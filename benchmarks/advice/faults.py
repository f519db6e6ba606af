"""Faults added to correct labels and names."""

from __future__ import annotations

import numpy as np

from benchmarks.advice.draws import Draw


def with_wrong_labels(correct: Draw, n_wrong: int, rng: np.random.Generator) -> tuple[Draw, set]:
    """Return the draw with wrong labels, and the numbers of these; no class loses all pictures."""
    classes = np.array(sorted(correct.texts))
    while True:
        wrong = rng.permutation(len(correct.labels))[:n_wrong]
        labels = correct.labels.copy()
        for place in wrong:
            labels[place] = rng.choice(classes[classes != correct.labels[place]])
        if len({*labels}) == len(classes):
            return correct._replace(labels=labels), {*wrong.tolist()}


def with_swapped_names(correct: Draw, rng: np.random.Generator) -> tuple[Draw, set]:
    one, other = rng.permutation(sorted(correct.texts))[:2]
    texts = correct.texts | {one: correct.texts[other], other: correct.texts[one]}
    return correct._replace(texts=texts), {str(one), str(other)}
