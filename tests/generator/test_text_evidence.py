from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from metaadapter.adapter.support import Support
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.text_evidence import LEAST_SLOPE, text_evidence, text_trust

CONSTANTS = ClosedForm()


def evidence_of(support: Support) -> list[float]:
    evidence = text_evidence(canonicalise(support), CONSTANTS)
    return [float(values_T[0]) for values_T in evidence]


def test_text_evidence__more_classes_than_coordinates__is_that_of_padded_rows(make_task):
    task = make_task(2, 9, 2, 5)
    narrow = text_evidence(task.canonical, CONSTANTS)
    wide = Support.of_tasks(pad(task.pictures, (0, 9)), pad(task.text, (0, 9)))

    for found_T, expected_T in zip(
        narrow, text_evidence(canonicalise(wide), CONSTANTS), strict=True
    ):
        torch.testing.assert_close(found_T, expected_T)


def test_text_evidence__class_without_picture_or_text__counts_for_nothing(make_task):
    task = make_task(1, 7, 2, 24)
    expected = evidence_of(Support.of_tasks(task.pictures[:, :5], task.text[:, :5]))
    task.mask[:, 5] = False
    text = task.text.clone()
    text[:, 6] = 0
    mask = task.mask.clone()
    mask[:, 6] = True
    without = Support.of_tasks(task.pictures, text, mask)

    canonical = canonicalise(without)
    of_five = canonicalise(Support.of_tasks(task.pictures[:, :5], task.text[:, :5]))
    # The centre and the spread are those of all classes, so compare in the same coordinates.
    both = replace(
        canonical,
        means_TND=torch.cat([of_five.means_TND, canonical.means_TND[:, 5:]], 1),
        text_TND=torch.cat([of_five.text_TND, canonical.text_TND[:, 5:]], 1),
    )
    assert [float(v) for v in text_evidence(both, CONSTANTS)] == pytest.approx(expected)


def test_text_evidence__texts_of_other_classes__have_the_least_slope_and_no_fit(make_task):
    task = make_task(1, 3, 4, 24)
    opposite = Support.of_tasks(task.pictures, -task.pictures.mean(2))

    slope, fit, _ = evidence_of(opposite)

    assert (slope, fit) == (pytest.approx(LEAST_SLOPE), 0)


@pytest.mark.parametrize("n_way", [1, 2])
def test_text_trust__one_picture_of_each_of_so_few_classes__hardly_moves(make_task, n_way):
    task = make_task(1, n_way, 1, 24)
    canonical = task.canonical

    trust_TN = text_trust(text_evidence(canonical, CONSTANTS), canonical, CONSTANTS)

    assert float(trust_TN[0, 0]) == pytest.approx(CONSTANTS.text_trust, rel=0.5 * (n_way - 1))


def test_text_evidence__many_classes__counts_pairs_as_if_there_were_fewer(make_task):
    task = make_task(1, 60, 1, 24)
    canonical = task.canonical
    means, texts = canonical.means_TND[0].numpy(), canonical.text_TND[0].numpy()
    scores = means @ texts.T
    scores = scores - scores.mean(1, keepdims=True)
    own, counted = np.diag(scores), 30 * (30 / 60) ** 0.5
    others = (scores**2).sum() - (own**2).sum()

    square = (own**2).sum() + others * (counted - 1) / 59

    found = evidence_of(task.support)
    assert found[0] == pytest.approx(own.sum() / square)
    cosine = own.sum() / np.sqrt(square * (60 - 60 / counted))
    assert found[1] == pytest.approx((59**2 * cosine**2 - 1) / (59**2 + 10))
