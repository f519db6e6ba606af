"""The prediction of the known head: against loops over pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.weights import KnownHead, classify
from metaadapter.generator.generator import Generator
from metaadapter.generator.known_network import BASE, USUAL_KNOWN, USUAL_OWN
from metaadapter.generator.known_scalars import weighted_quantiles
from metaadapter.generator.ridge.leave_one_out import leave_one_out, small_scores


@pytest.fixture
def untrained():
    return Generator().double()


def unit(row):
    return row / np.linalg.norm(row)


def by_loops(generator, task):
    """Likeness of each class, logits of the queries, and of each picture when it is left out."""
    shots = task.pictures[0].numpy()
    n_way, n_shot, _ = shots.shape
    means = [unit(shots[c].mean(0)) for c in range(n_way)]
    others = [
        shots[c, k] @ means[d]
        for c in range(n_way)
        for k in range(n_shot)
        for d in range(n_way)
        if d != c
    ]
    common = np.mean(others)

    def known(cosines, p):
        scaled = [(cosine - common) / (1 - common) for cosine in cosines]
        like = sum(share * cosine for share, cosine in zip(p, scaled, strict=True))
        doubt = -sum(share * np.log(share) for share in p if share > 0) / np.log(n_way)
        return BASE[0] * like + BASE[1] * doubt + BASE[2]

    weights = generator.predict(task.support).task(0)
    answers = classify(task.query[0], weights).softmax(-1).numpy()
    queries = [
        known([row @ mean for mean in means], p)
        for row, p in zip(task.query[0].numpy(), answers, strict=True)
    ]
    left_out = []
    if n_shot > 1:
        scale = leave_one_out(task.regression).scale_T * (1 - 1 / n_shot) ** 0.45
        log_p = (scale * small_scores(task.regression)[0]).log_softmax(-1).numpy()
        for c in range(n_way):
            for k in range(n_shot):
                without = unit(np.delete(shots[c], k, axis=0).sum(0))
                cosines = [shots[c, k] @ (without if d == c else means[d]) for d in range(n_way)]
                left_out.append(known(cosines, np.exp(log_p[c * n_shot + k])))
    return queries, left_out


@pytest.mark.parametrize("n_shot", [1, 4])
def test_untrained_head__is_that_of_loops_over_pictures(untrained, make_task, n_shot):
    task = make_task(1, 5, n_shot, 32)
    queries, left_out = by_loops(untrained, task)

    weights = untrained.predict(task.support).task(0)

    np.testing.assert_allclose(known_logits(task.query[0], weights), queries, atol=1e-5)
    expected = USUAL_KNOWN
    if left_out:
        expected = np.quantile(left_out, 1 - np.array(FRACTIONS))
    np.testing.assert_allclose(weights.known_quantiles, expected, atol=1e-5)
    threshold = 1 / (1 + np.exp(-float(weights.known_quantiles[FRACTIONS.index(0.95)])))
    assert float(weights.reject_threshold) == pytest.approx(threshold)


def test_own_quantiles__are_those_of_the_left_out_answers_and_usual_ones_at_one_shot(
    untrained, make_task
):
    task = make_task(1, 4, 3, 32)
    left_out = leave_one_out(task.regression)
    own = left_out.own_log_p_TR[0].numpy()

    several, single = (
        untrained.predict(one.support).task(0) for one in (task, make_task(1, 4, 1, 32))
    )

    np.testing.assert_allclose(
        several.own_quantiles, np.quantile(own, 1 - np.array(FRACTIONS)), rtol=1e-5
    )
    np.testing.assert_allclose(single.own_quantiles, USUAL_OWN, rtol=1e-6)


@pytest.mark.parametrize("pictured", [0, 1, 3])
def test_head__with_classes_known_by_name_alone__is_finite(trained_like, make_task, pictured):
    task = make_task(1, 4, 2, 32)
    task.mask[:, pictured:] = False

    weights = trained_like.predict(task.with_scale(20.0))

    assert known_logits(task.query, weights).isfinite().all()
    assert weights.known_quantiles.isfinite().all()


def test_weighted_quantiles__of_equal_weights__are_numpy_s():
    values = torch.randn(3, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fractions = torch.tensor([0.0, 0.03, 0.25, 0.5, 0.77, 1.0], dtype=torch.float64)
    weights = torch.full((3, 11), 0.7, dtype=torch.float64)
    weights[1, 4:] = 0.0  # these do not count
    weights[2] = 0.0

    result = weighted_quantiles(values, weights, fractions)

    np.testing.assert_allclose(result[0], np.quantile(values[0], fractions), atol=1e-12)
    np.testing.assert_allclose(result[1], np.quantile(values[1, :4], fractions), atol=1e-12)
    assert (result[2] == 0).all()


@pytest.mark.parametrize("width", [16, 200], ids=["narrow", "wide"])
def test_forward__without_the_known_head__predicts_all_else_alike(trained_like, make_task, width):
    support = make_task(2, 3, 2, width).support

    without = trained_like(support, with_known=False)

    expected = trained_like(support).tensors()
    found = without.tensors()
    assert without.known_head is None
    assert expected.keys() - found.keys() == set(KnownHead._fields)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-9, atol=1e-9)
