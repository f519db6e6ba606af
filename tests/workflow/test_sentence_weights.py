"""Sentences beside a name: weights by agreement with the pictures, and what they may not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.workflow.estimator import MetaAdapterClassifier
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


def test_weights__class_without_a_picture__learns_from_the_sentences_of_the_others():
    names, rows, numbers = task()
    pictured = numbers != 3
    sentences = {c: names[[(c + 1) % N_WAY]] for c in range(N_WAY)}

    result = weigh_sentences(names, sentences, rows[pictured], numbers[pictured])

    expected = by_hand(names, sentences, rows[pictured], numbers[pictured])
    np.testing.assert_allclose(result, expected, atol=1e-9)
    assert (result * names).sum(1).min() > 0.999


def test_sentences__of_other_classes__hardly_move_a_text():
    names, rows, numbers = task()

    result = weigh_sentences(
        names, {c: names[[(c + 1) % N_WAY]] for c in range(N_WAY)}, rows, numbers
    )

    assert (result * names).sum(1).min() > 0.999


def test_sentences__that_are_right_where_names_are_useless__take_over():
    names, rows, numbers = task()
    useless = names[[1, 2, 3, 0]]

    result = weigh_sentences(useless, {c: names[[c]] for c in range(N_WAY)}, rows, numbers)

    assert (result * names).sum(1).min() > 0.99


def test_sentences__without_any_picture__count_less_than_names():
    names, _, _ = task()
    none = np.empty((0, WIDTH)), np.empty(0, dtype=int)

    result = weigh_sentences(names, {0: names[[1]]}, *none)

    expected = names[0] + math.exp(-2) * names[1]
    np.testing.assert_allclose(result[0], unit(expected))
    np.testing.assert_array_equal(result[1:], names[1:])


class Reader:
    """An encoder of names: each word has a direction of its own."""

    logit_scale = 20.0

    def __init__(self):
        self.read = []

    def encode_texts(self, names):
        self.read += names
        rows = np.zeros((len(names), WIDTH), dtype=np.float32)
        for row, name in zip(rows, names, strict=True):
            row[sum(map(ord, name)) % WIDTH] = 1
        return rows


def fitted(texts, **options):
    _, rows, numbers = task()
    encoder = Reader()
    classifier = MetaAdapterClassifier(texts, encoder=encoder, logit_scale=20.0, **options)
    # The reader is no encoder that an adapter could be saved with.
    classifier._read(rows, np.array(list("abcd"))[numbers])
    return encoder, classifier, (rows, np.array(list("abcd"))[numbers])


def test_classifier__name_and_sentences__are_read_readably():
    texts = {"a": ["red_fox", "white tail tip", "small"], "b": "dog", "c": "cat", "d": "cow"}

    encoder, _, _ = fitted(texts)

    assert encoder.read == ["red fox", "dog", "cat", "cow", "white tail tip", "small"]


def test_classifier__name_alone_in_a_list__is_as_the_name():
    alone, named = (
        MetaAdapterClassifier(texts, encoder=Reader(), logit_scale=20.0)
        for texts in ({"a": ["fox"], "b": "dog"}, {"a": "fox", "b": "dog"})
    )
    _, rows, numbers = task()
    some = numbers < 2

    one, two = (
        classifier._read(rows[some], np.array(list("ab"))[numbers[some]])[0].text_TND
        for classifier in (alone, named)
    )

    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_sentences__in_another_order__give_the_same_text(order):
    names, rows, numbers = task()
    vectors = np.zeros((3, WIDTH))
    vectors[:, :N_WAY] = unit(np.random.default_rng(1).standard_normal((3, N_WAY)))

    straight, moved = (
        weigh_sentences(names, {1: part}, rows, numbers) for part in (vectors, vectors[order])
    )

    np.testing.assert_allclose(straight, moved)
