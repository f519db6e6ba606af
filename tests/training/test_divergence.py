from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import kl_div

from metaadapter.adapter.support import Support
from metaadapter.training.divergence import divergence, symmetric_divergence


def softmax(logits):
    weights = [math.exp(logit - max(logits)) for logit in logits]
    return [weight / sum(weights) for weight in weights]


def slow_divergence(target, logits, counts):
    """Kullback and Leibler's own sum, number by number."""
    terms = [
        sum(p * math.log(p / q) for p, q in zip(softmax(left), softmax(right), strict=True) if p)
        for left, right, is_there in zip(target, logits, counts, strict=True)
        if is_there
    ]
    return sum(terms) / len(terms)


@pytest.fixture
def two_predictions():
    """Logits of 2 tasks × 5 pictures × 4 classes, one of them masked out in the second task."""
    draw = torch.Generator().manual_seed(1)
    left, right = 3 * torch.randn(2, 2, 5, 4, generator=draw, dtype=torch.float64)
    left[1, :, 2] = right[1, :, 2] = -torch.inf
    counts = torch.rand(2, 5, generator=draw) < 0.6
    return left, right, counts


def flat(tensor):
    return tensor.flatten(0, 1).tolist()


def test_divergence__value__is_that_of_a_slow_loop(two_predictions):
    left, right, counts = two_predictions

    expected = slow_divergence(flat(left), flat(right), flat(counts))

    assert 0 < counts.sum() < counts.numel()
    assert float(divergence(left, right, counts)) == pytest.approx(expected, rel=1e-12)


def test_divergence__all_classes_there__is_that_of_torch(two_predictions):
    left, right = (logits[:1] for logits in two_predictions[:2])

    value = divergence(left, right, torch.ones(1, 5, dtype=torch.bool))

    log_p, log_q = left[0].log_softmax(-1), right[0].log_softmax(-1)
    torch.testing.assert_close(value, kl_div(log_q, log_p, reduction="batchmean", log_target=True))


def test_divergence__no_picture_counts__is_0_with_a_gradient_of_0(two_predictions):
    left, right, counts = two_predictions
    right.requires_grad_()

    value = divergence(left, right, torch.zeros_like(counts))
    value.backward()

    assert value == 0
    assert not right.grad.any()


def test_divergence__picture_that_does_not_count__may_be_anything(two_predictions):
    left, right, counts = two_predictions
    spoilt = torch.where(counts[..., None], right, math.nan)

    assert torch.equal(divergence(left, spoilt, counts), divergence(left, right, counts))


def test_divergence__gradient__is_finite_on_both_sides_with_classes_masked_out(two_predictions):
    left, right, counts = (tensor.clone() for tensor in two_predictions)
    left.requires_grad_()
    right.requires_grad_()

    divergence(left, right, counts).backward()

    # Of the logits q: (q − p) / n; the class that is out has none.
    expected = torch.where(counts[..., None], right.softmax(-1) - left.softmax(-1), 0.0)
    torch.testing.assert_close(right.grad, expected.detach() / counts.sum())
    assert left.grad.isfinite().all()
    assert left.grad[0].any()
    assert not left.grad[1, :, 2].any()


def test_symmetric_divergence__value__is_the_mean_of_both_directions(two_predictions):
    left, right, counts = two_predictions
    there = slow_divergence(flat(left), flat(right), flat(counts))
    back = slow_divergence(flat(right), flat(left), flat(counts))

    value = symmetric_divergence(left, right, counts)

    assert there != pytest.approx(back, rel=0.05)
    assert float(value) == pytest.approx((there + back) / 2, rel=1e-12)
    torch.testing.assert_close(symmetric_divergence(right, left, counts), value)


def unpictured(text_TND, class_mask_TN=None):
    """Supports of texts alone."""
    pictures = text_TND[:, :, None][:, :, :0]
    return Support.of_tasks(pictures, text_TND, None, class_mask_TN, logit_scale=30.0)


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))
