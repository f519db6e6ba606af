"""Predictions of left-out pictures, against regressions that never saw them."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.left_out_accuracy import predict_left_out

N_WAY, WIDTH = 4, 24


@pytest.fixture(scope="module")
def generator():
    return load_generator("default")


def draw(shots, *, blocks=(), seed=0):
    """A task whose pictures scatter around the means of their classes."""
    random = torch.Generator().manual_seed(seed)
    means = torch.randn(N_WAY, WIDTH, generator=random)
    labels = torch.tensor([label for label, n in enumerate(shots) for _ in range(n)])
    rows = means[labels] + 1.2 * torch.randn(len(labels), WIDTH, generator=random)
    texts = means + 2 * torch.randn(N_WAY, WIDTH, generator=random)
    return Support.of_rows(
        normalize(rows, dim=-1), labels, normalize(texts, dim=-1), logit_scale=20.0, blocks=blocks
    )


@pytest.mark.parametrize("blocks", [(), (16, 8)])
def test_left_out_answers__are_those_of_the_regression_solved_without_each_picture(
    generator, blocks
):
    support = draw((3, 2, 4, 1), blocks=blocks)
    result = generator.left_out(support)

    exact = support.exact
    with torch.no_grad():
        weights, problem, corrections = generator._without_pool(exact)
    prior = problem.prior_TND(corrections.log_trust_TN)
    targets = problem.residual_TMN(prior)[0]
    noise = problem.take(problem.noise_TX(corrections.log_noise_TNK))[0]
    z = problem.rows_TMD[0]
    gram = z @ z.T + problem.constants.intercept
    rows, _ = exact.labelled_rows()
    logits = classify(rows, weights.task(0))
    whole = torch.linalg.solve(gram + noise.diag(), targets)
    for place, log_p in enumerate(result.log_p):
        others = [row for row in range(len(rows)) if row != place]
        part = gram[others][:, others] + noise[others].diag()
        without = gram[place, others] @ torch.linalg.solve(part, targets[others])
        change = without - gram[place] @ whole
        expected = (logits[place] + weights.logit_scale[0] * change).log_softmax(-1)
        torch.testing.assert_close(log_p, expected, rtol=1e-6, atol=1e-9)


def test_left_out_answers__agree_with_adapters_predicted_without_each_picture(generator):
    agree, differ, n = 0, 0.0, 0
    for seed in range(5):
        support = draw((4, 3, 5, 4), seed=seed)
        result, refitted = generator.left_out(support), predict_left_out(support, generator)
        probabilities = result.log_p.exp()[refitted.pictures]
        predicted = refitted.probabilities.argmax(-1)
        agree += int((probabilities.argmax(-1) == predicted).sum())
        differ += float((probabilities - refitted.probabilities).abs().sum() / 2)
        n += len(refitted.pictures)

    assert agree / n > 0.9
    assert differ / n < 0.1
