"""Thresholds and sets of the known head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from metaadapter.adapter.known import (
    FRACTIONS,
    known_and_unfamiliar,
    known_logits,
    known_probabilities,
    known_threshold,
    likeness_and_doubt,
    place_of_none,
    prediction_sets,
)
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import UsageError

KNOWN = torch.tensor([2.0, 1.0, 0.2, -0.4, -1.0, -2.0], dtype=torch.float64)
OWN = torch.tensor([0.9, 0.8, 0.6, 0.4, 0.2, 0.1], dtype=torch.float64).log()


@pytest.fixture
def weights():
    draw = torch.Generator().manual_seed(0)

    def randn(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    zero_shot = AdapterWeights.zero_shot(randn(3, 8), 4.0)
    return replace(
        zero_shot,
        likeness=randn(3, 8),
        likeness_bias=randn(3),
        known=torch.tensor([1.5, -0.5, 0.25], dtype=torch.float64),
        known_quantiles=KNOWN,
        own_quantiles=OWN,
        reject_threshold=KNOWN[3].sigmoid(),
    )


@pytest.fixture
def rows():
    draw = torch.Generator().manual_seed(1)
    rows = torch.randn(50, 8, generator=draw, dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=-1)


@pytest.mark.parametrize(
    ("classes", "known", "unfamiliar"),
    [
        (["fox", "none of these"], [0.72, 0.06, 0.36], [False, True, True]),
        (["fox", "none"], [0.9, 0.1, 0.9], [False, True, False]),
    ],
)
def test_known__with_a_class_none_of_these__is_known_and_none_of_it(classes, known, unfamiliar):
    p = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)
    head = torch.tensor([0.9, 0.1, 0.9], dtype=torch.float64)

    answers = known_and_unfamiliar(p, head, torch.tensor(0.2), place_of_none(classes))

    assert answers[0].tolist() == pytest.approx(known)
    assert answers[1].tolist() == unfamiliar


def test_known_probabilities__are_those_of_a_logistic_regression_on_likeness_and_doubt(
    weights, rows
):
    logits = classify(rows, weights)
    features = torch.stack(
        likeness_and_doubt(rows, logits, weights.likeness, weights.likeness_bias), -1
    )
    peer = LogisticRegression().fit(np.eye(2)[[0, 1]], [0, 1])
    peer.coef_, peer.intercept_ = weights.known[None, :2].numpy(), weights.known[2:].numpy()

    np.testing.assert_allclose(
        known_probabilities(rows, weights), peer.predict_proba(features.numpy())[:, 1], rtol=1e-9
    )


def test_doubt__is_0_where_one_class_is_certain_and_1_where_all_are_alike(weights, rows):
    certain = torch.tensor([[1000.0, 0.0, 0.0]], dtype=torch.float64)
    for logits, expected in ((certain, 0.0), (torch.zeros(1, 3).double(), 1.0)):
        _, doubt = likeness_and_doubt(rows[:1], logits, weights.likeness, weights.likeness_bias)
        assert float(doubt) == pytest.approx(expected)


@pytest.mark.parametrize(("keep", "logit"), [*zip(FRACTIONS, KNOWN.tolist(), strict=True)])
def test_threshold__of_a_stated_fraction__is_its_quantile(weights, keep, logit):
    assert float(known_threshold(weights, keep)) == pytest.approx(1 / (1 + np.exp(-logit)))


@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_threshold__the_more_are_kept__the_lower(one, other):
    adapter = AdapterWeights(
        *(torch.zeros(2, 4), torch.zeros(2), torch.ones(())),
        likeness=torch.zeros(2, 4),
        likeness_bias=torch.zeros(2),
        known=torch.zeros(3),
        known_quantiles=KNOWN,
        own_quantiles=OWN,
        reject_threshold=torch.ones(()),
    )

    low, high = (float(known_threshold(adapter, max(0.5, keep))) for keep in sorted((one, other)))

    assert low >= high


def test_sets__hold_the_classes_that_are_probable_enough_and_never_none(weights):
    shares = torch.tensor([[0.61, 0.3, 0.09], [0.59, 0.4, 0.01], [0.39, 0.31, 0.3]]).double()

    sets = prediction_sets(shares, weights, 0.9)

    assert sets.tolist() == [[True, False, False], [True, False, False], [True, False, False]]
    wider = prediction_sets(shares, weights, 0.95)
    assert wider.tolist() == [[True, False, False], [True, True, False], [True, False, False]]


def test_sets__of_as_many_pictures_as_their_quantiles_came_from__cover_what_is_stated(weights):
    draw = np.random.default_rng(0)
    shares = torch.from_numpy(draw.dirichlet(np.ones(5), size=4000))
    own = torch.from_numpy(np.array([draw.choice(5, p=row) for row in shares.numpy()]))
    own_log = shares[torch.arange(4000), own].log()
    fitted = replace(
        weights, own_quantiles=torch.quantile(own_log, 1 - torch.tensor(FRACTIONS).double())
    )

    for coverage in (0.75, 0.9, 0.95):
        covered = prediction_sets(shares, fitted, coverage)[torch.arange(4000), own]
        assert float(covered.double().mean()) == pytest.approx(coverage, abs=0.02)


def test_adapter_without_the_head__asks_to_adapt_again(rows):
    bare = AdapterWeights.zero_shot(torch.zeros(3, 8), 4.0)

    with pytest.raises(UsageError, match=r"cannot tell what is unknown: .* adapt again"):
        known_logits(rows, bare)
