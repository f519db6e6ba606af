"""Sentences beside a name: weights by agreement with the pictures, and what they may not do."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.workflow.sentence_weights import weigh_sentences

N_WAY, N_SHOT, WIDTH = 4, 3, 12


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def task(seed=0, noise=0.3):
    """Names along orthogonal directions, pictures around them beside a part without texts."""
    rng = np.random.default_rng(seed)
    names = np.zeros((N_WAY, WIDTH))
    names[:, :N_WAY] = np.eye(N_WAY)
    numbers = np.repeat(np.arange(N_WAY), N_SHOT)
    rows = names[numbers] + noise * rng.standard_normal((len(numbers), WIDTH))
    return names, unit(rows), numbers


def by_hand(names, sentences, rows, numbers):
    """The formula, number by number."""
    used = [column for column in range(WIDTH) if any(name[column] for name in names)]
    means = {
        c: np.mean([row[used] for row, n in zip(rows, numbers, strict=True) if n == c], axis=0)
        for c in range(len(names))
        if c in numbers
    }
    centre = np.mean(list(means.values()), axis=0)
    text_centre = np.mean(names[:, used], axis=0)

    def agreement(text, c):
        def cosine(other):
            one, two = text[used] - text_centre, means[other] - centre
            return one @ two / math.sqrt(one @ one) / math.sqrt(two @ two)

        return cosine(c) - np.mean([cosine(other) for other in means if other != c])

    gains = {
        c: [
            agreement(text, c) - agreement(names[c], c) if c in means else 0.0 for text in described
        ]
        for c, described in sentences.items()
    }
    seen = [np.mean(gain) for c, gain in gains.items() if c in means]
    texts = names.copy()
    for c, described in sentences.items():
        weights = [1.0]
        weights += [math.exp(10 * gain + 20 * np.mean(seen or [0.0]) - 2) for gain in gains[c]]
        texts[c] = unit(
            sum(w * text for w, text in zip(weights, [names[c], *described], strict=True))
        )
    return texts


@given(st.integers(0, 50), st.sets(st.integers(0, N_WAY - 1), min_size=1))
def test_weights__are_those_of_the_formula_by_hand(seed, described):
    names, rows, numbers = task(seed)
    rng = np.random.default_rng(seed)
    sentences = {}
    for c in sorted(described):
        sentences[c] = np.zeros((1 + c % 2, WIDTH))
        sentences[c][:, :N_WAY] = unit(rng.standard_normal((1 + c % 2, N_WAY)))

    result = weigh_sentences(names, sentences, rows, numbers)

    np.testing.assert_allclose(result, by_hand(names, sentences, rows, numbers), atol=1e-9)


def test_sentences__that_are_right_where_names_are_useless__take_over():
    names, rows, numbers = task()
    useless = names[[1, 2, 3, 0]]

    result = weigh_sentences(useless, {c: names[[c]] for c in range(N_WAY)}, rows, numbers)

    assert (result * names).sum(1).min() > 0.99
