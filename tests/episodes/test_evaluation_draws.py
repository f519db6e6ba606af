from __future__ import annotations

import numpy as np
import pytest
import torch

from episodes import EpisodeError, LabelIndex, nested_draws

LABELS = [0] * 30 + [1] * 12 + [2] * 9 + [3] * 8


SHOTS = (1, 2, 4, 8)


def test_nested_draws__tasks__are_sound_and_every_class_has_all_shots(require_sound):
    rows = nested_draws(LabelIndex.from_labels(LABELS), SHOTS, 6, 40, 20, seed=0)

    assert require_sound(rows, LABELS) > 0
    assert rows.support_TNK.shape == (40, 3, 8)
    assert (rows.support_TNK >= 0).all()
    assert set(rows.classes_TN.flatten().tolist()) == {0, 1, 2}
    # A class with few pictures left has fewer queries.
    n_queries = (rows.query_TNQ >= 0).sum(2)
    for label, n_left in enumerate((6, 4, 1)):
        assert n_queries[rows.classes_TN == label].unique().tolist() == [n_left]


def test_nested_draws__seed__decides():
    index = LabelIndex.from_labels(LABELS)

    first, again, other = (nested_draws(index, SHOTS, 6, 5, 2, seed=s) for s in (1, 1, 2))

    assert torch.equal(first.support_TNK, again.support_TNK)
    assert not torch.equal(first.support_TNK, other.support_TNK)
    assert first.classes_TN.shape == (5, 2)


@pytest.mark.parametrize(
    ("shots", "most_ways", "message"),
    [
        ((1, 16), 20, "16 shots and 1 query are needed, got 1; the largest class has 30"),
        (SHOTS, 1, "at least 2 ways, got most_ways=1"),
    ],
)
def test_nested_draws__that_cannot_be__are_refused(shots, most_ways, message):
    with pytest.raises(EpisodeError, match=message):
        nested_draws(LabelIndex.from_labels(LABELS), shots, 6, 5, most_ways, seed=0)


CLASSES, PICTURES = 6, 9


def two_domains(n_pictures=PICTURES):
    """Labels and domains of a table in no order, each class with as many pictures in both."""
    labels = np.tile(np.arange(CLASSES), 2 * n_pictures)
    domains = np.repeat([0, 1], CLASSES * n_pictures)
    order = np.random.default_rng(0).permutation(len(labels))
    return labels[order], domains[order]


def draw(labels, domains, *, n_shot=4, most_ways=5):
    index = LabelIndex.from_labels(labels, domains)
    return nested_draws(index, (n_shot,), 3, 20, most_ways, seed=0, domains=(0, 1))


def test_draws_across_domains__tasks__are_of_their_domains_with_each_class_and_picture_once():
    labels, domains = two_domains()

    rows = draw(labels, domains)

    assert set(domains[rows.support_TNK].flat) == {0}
    assert set(domains[rows.query_TNQ].flat) == {1}
    assert (labels[rows.support_TNK] == rows.classes_TN[..., None].numpy()).all()
    assert (labels[rows.query_TNQ] == rows.classes_TN[..., None].numpy()).all()
    pictures_TX = torch.cat([rows.support_TNK, rows.query_TNQ], -1).flatten(1)
    assert rows.classes_TN.shape == (20, 5)
    assert [len(set(task.tolist())) for task in pictures_TX] == [5 * 7] * 20
    assert [len(set(task.tolist())) for task in rows.classes_TN] == [5] * 20


def test_draws_across_domains__one_picture_a_class_and_domain__is_one_shot_and_one_query():
    labels, domains = two_domains(n_pictures=1)

    rows = draw(labels, domains, n_shot=1)

    assert domains[rows.support_TNK].max() == 0
    assert (rows.query_TNQ >= 0).sum(-1).unique().tolist() == [1]


def test_draws_across_domains__class_short_of_labelled_pictures__is_left_out():
    labels, domains = two_domains()
    kept = ~((labels == 2) & (domains == 0))

    rows = draw(labels[kept], domains[kept], most_ways=20)

    assert sorted(rows.classes_TN[0].tolist()) == [0, 1, 3, 4, 5]


def test_draws_across_domains__too_few_pictures__says_how_many_classes_have_them():
    with pytest.raises(EpisodeError, match=r"10 shots and 1 query in domain 0 and 1 .* got 0; the"):
        draw(*two_domains(), n_shot=10)
