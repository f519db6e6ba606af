"""Each published head is a point in the space of adapters: compared with its own formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

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


def test_tempered__with_biases__divides_the_logits(task):
    _, _, text, query = task
    adapter = replace(AdapterWeights.zero_shot(text, 15.0), class_bias=torch.arange(N_WAY).double())

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
