"""Each published head is a point in the space of adapters: compared with its own formula."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize, one_hot

from metaadapter.adapter.weights import AdapterWeights, apply_adapter, classify

N_WAY, N_SHOT, WIDTH, N_QUERY = 4, 3, 24, 7


@pytest.fixture
def task():
    draw = torch.Generator().manual_seed(0)
    sizes = [N_WAY * N_SHOT, N_WAY, N_QUERY]
    rows = torch.randn(sum(sizes), WIDTH, generator=draw, dtype=torch.float64)
    support, text, query = normalize(rows, dim=1).split(sizes)
    labels = torch.arange(N_WAY).repeat_interleave(N_SHOT)
    return support, labels, text, query


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def test_classify__zero_shot__is_scaled_cosine(task):
    _, _, text, query = task

    logits = classify(query, AdapterWeights.zero_shot(text, 15.0))

    torch.testing.assert_close(
        logits, number([[15.0 * float(sum(q * t)) for t in text] for q in query])
    )


def with_cache(task, logit_scale, class_bias):
    """The classes of the texts, and the support in a cache as Tip-Adapter has one."""
    support, labels, text, _ = task
    return AdapterWeights(
        classes=text,
        class_bias=class_bias.double(),
        logit_scale=number(logit_scale),
        keys=support,
        values=one_hot(labels).double(),
        alpha=number(1.17),
        beta=torch.full((len(support),), 5.5, dtype=torch.float64),
    )


def test_classify__tip_adapter__equals_its_formula(task):
    support, labels, text, query = task

    logits = classify(query, with_cache(task, 100.0, torch.zeros(N_WAY)))

    expected = 100.0 * query @ text.T
    for q in range(N_QUERY):
        for m in range(len(support)):
            affinity = torch.exp(-5.5 * (1 - query[q] @ support[m]))
            expected[q, labels[m]] += 1.17 * affinity
    torch.testing.assert_close(logits, expected)


def test_tempered__adapter_with_every_part__divides_its_logits(task):
    _, _, text, query = task
    without_cache = AdapterWeights.zero_shot(text, 15.0)

    for adapter in (with_cache(task, 15.0, torch.arange(N_WAY)), without_cache):
        logits = classify(query, adapter)
        torch.testing.assert_close(classify(query, adapter.tempered(1.5)), logits / 1.5)
        torch.testing.assert_close(classify(query, adapter.tempered(1.0)), logits)


def test_apply_adapter__clip_adapter_blend__equals_its_formula(task):
    _, _, text, query = task
    draw = torch.Generator().manual_seed(1)
    first = torch.randn(6, WIDTH, generator=draw, dtype=torch.float64)
    second = torch.randn(WIDTH, 6, generator=draw, dtype=torch.float64)
    ratio = 0.2
    weights = AdapterWeights(
        classes=text,
        class_bias=torch.zeros(N_WAY, dtype=torch.float64),
        logit_scale=number(1.0),
        centre=torch.zeros(WIDTH, dtype=torch.float64),
        down=first,
        bias=torch.zeros(6, dtype=torch.float64),
        up=second,
        visual_ratio=number(ratio / (1 - ratio)),
    )

    adapted = apply_adapter(query, weights)

    blend = ratio * (second @ (first @ query.T).clamp(min=0)).T + (1 - ratio) * query
    torch.testing.assert_close(adapted, normalize(blend, dim=1))


def test_classify__gda_folded_into_vectors__equals_the_sum_of_both_logits(task):
    support, labels, text, query = task
    means = torch.stack([support[labels == c].mean(0) for c in range(N_WAY)])
    precision = torch.linalg.inv(torch.cov((support - means[labels]).T) + torch.eye(WIDTH))
    scale, alpha = 15.0, 0.1
    vectors = means @ precision
    bias = -0.5 * torch.einsum("nd,nd->n", vectors, means)
    weights = AdapterWeights(
        classes=text + alpha * vectors / scale,
        class_bias=alpha * bias,
        logit_scale=number(scale),
    )

    logits = classify(query, weights)

    expected = scale * query @ text.T + alpha * (query @ vectors.T + bias)
    torch.testing.assert_close(logits, expected)


def test_classify__batch_of_tasks__equals_each_task_alone(task):
    support, labels, text, query = task
    tensors = {
        "classes": text,
        "class_bias": torch.ones(N_WAY, dtype=torch.float64),
        "logit_scale": number(3.0),
        "centre": support.mean(0),
        "down": support[:5],
        "bias": torch.full((5,), 0.1, dtype=torch.float64),
        "up": support[5:10].T,
        "visual_ratio": number(0.3),
        "keys": support,
        "values": one_hot(labels).double(),
        "alpha": number(0.5),
        "beta": torch.linspace(1.0, 3.0, len(support), dtype=torch.float64),
    }
    one = AdapterWeights(**tensors)
    other = one.map(lambda tensor: tensor * 0.5)
    batch = AdapterWeights(
        **{name: torch.stack([t, other.tensors()[name]]) for name, t in tensors.items()}
    )

    logits = classify(torch.stack([query, query]), batch)

    torch.testing.assert_close(logits[0], classify(query, one))
    torch.testing.assert_close(logits[1], classify(query, other))
