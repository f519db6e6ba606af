"""The heads that are trained, against autograd on one task by itself."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify, logits_of
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.descent import cross_entropy_T
from tests.adapter.test_support import support_of

SHOTS = (3, 1, 2)


def descend(optimizer, loss, n_steps, cosine=None):
    """Steps at a constant rate, or at one that falls from 2 · `cosine` to 0 as a cosine does."""
    for step in range(n_steps):
        if cosine is not None:
            rate = cosine * (1 + math.cos(math.pi * step / n_steps))
            optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def with_momentum(rows, labels, start, trust, scale):
    """Unit class vectors by SGD with momentum written out, held to their start by `trust`."""
    classes, speed = start.clone(), torch.zeros_like(start)
    for step in range(300):
        classes.requires_grad_()
        loss = cross_entropy(scale * rows @ normalize(classes, dim=1).T, labels)
        for c in range(len(start)):
            loss = loss + trust[c] * (classes[c] - start[c]).square().sum() / len(start)
        (slope,) = torch.autograd.grad(loss, classes)
        speed = 0.9 * speed + slope
        learning_rate = 0.05 * (1 + math.cos(math.pi * step / 300))
        classes = (classes - learning_rate * speed).detach()
    return normalize(classes, dim=1)


def test_zs_lp__momentum_written_out__agrees(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    classes = with_momentum(*pictures_of(support), support.text_TND[0], (0, 0, 0), scale)

    result = classify(query, PEERS["ZS-LP"](support))[0]
    torch.testing.assert_close(result, scale * query[0] @ classes.T)


@pytest.mark.parametrize("shots", [SHOTS, (2, 0, 3)])
def test_clap__momentum_written_out__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text = support.text_TND[0]
    own = [(scale * text @ row).softmax(0)[c] for row, c in zip(rows, labels, strict=True)]
    trust = [
        float(sum(p for p, c in zip(own, labels, strict=True) if c == wanted)) / shots[wanted]
        if shots[wanted]
        else 1.0
        for wanted in range(3)
    ]
    classes = with_momentum(rows, labels, text, trust, scale)

    result = classify(query, PEERS["CLAP"](support))[0]
    torch.testing.assert_close(result, scale * query[0] @ classes.T)


@pytest.fixture
def without_text(make_support):
    """A support whose first class has no text, and where training starts: there at its mean."""
    support = make_support(SHOTS)
    support.text_TND[0, 0] = 0
    return support, torch.cat([support.means_TND[0, :1], support.text_TND[0, 1:]])


def test_clip_adapter__module__agrees(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)
    draw = torch.Generator().manual_seed(0)
    layers = nn.Sequential(nn.Linear(12, 3, bias=False), nn.ReLU(), nn.Linear(3, 12, bias=False))
    layers = layers.double()
    with torch.no_grad():
        layers[0].weight.copy_((2 * torch.rand(3, 12, generator=draw) - 1) / 12**0.5)
        layers[2].weight.zero_()

    def logits(x):
        return scale * normalize(0.2 * layers(x) + 0.8 * x, dim=1) @ support.text_TND[0].T

    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)
    descend(optimizer, lambda: cross_entropy(logits(rows), labels), 200)

    result = classify(query, PEERS["CLIP-Adapter"](support))[0]
    torch.testing.assert_close(result, logits(query[0]).detach())


def probed(batches, start, scale):
    """Class vectors of a bias-free layer, each batch of samples with an equal share of the loss."""
    layer = nn.Linear(start.shape[1], len(start), bias=False, dtype=torch.float64)
    layer.weight.data.copy_(start)
    optimizer = torch.optim.AdamW(layer.parameters(), weight_decay=1e-2)
    descend(
        optimizer,
        lambda: sum(cross_entropy(scale * layer(x), y) / 2 for x, y in batches),
        300,
        cosine=5e-4,
    )
    return layer.weight.detach()


@pytest.mark.parametrize("n_without_text", [0, 1])
def test_cross_modal_probe__layer__agrees(
    make_support, without_text, pictures_of, scale, query, n_without_text
):
    """A class without a text has pictures as its only samples."""
    support, start = without_text
    if not n_without_text:
        support = make_support(SHOTS)
        start = support.text_TND[0]
    texts = support.text_TND[0, n_without_text:], torch.arange(n_without_text, 3)

    result = classify(query, PEERS["cross-modal probe"](support))[0]

    classes = probed([pictures_of(support), texts], start, scale)
    torch.testing.assert_close(result, scale * query[0] @ classes.T)


@pytest.mark.parametrize("shots", [SHOTS, (8, 8, 8)])
def test_lp_plus_plus__autograd__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text, n = support.text_TND[0], len(rows)
    classes = torch.stack([rows[labels == c].sum(0) for c in range(3)]).requires_grad_()
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    own = [float((rows[labels == c] @ text[c]).mean()) for c in range(3)]
    alpha = torch.full_like(bias, 2.5 * scale * float(np.mean(own))).requires_grad_()
    step = 4 * n / np.linalg.svd(rows.numpy())[1][0] ** 2
    text_step = n / (4 * max(float((rows @ t).square().sum()) for t in text))
    optimizer = torch.optim.SGD([classes, bias], lr=step, momentum=0.9)
    for i in range(300):
        alpha.grad = None
        logits = rows @ classes.T + bias + alpha * (rows @ text.T)
        optimizer.zero_grad()
        cross_entropy(logits, labels).backward()
        optimizer.step()
        if i % 10 == 9:
            alpha.data -= text_step * alpha.grad

    result = classify(query, PEERS["LP++"](support))[0]
    wanted = query[0] @ classes.T + bias + alpha * (query[0] @ text.T)
    torch.testing.assert_close(result, wanted.detach())


@pytest.mark.parametrize("shots", [SHOTS, (1, 1, 1)])
def test_rla__matrix__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text, identity = support.text_TND[0], torch.eye(12, dtype=torch.float64)
    matrix = nn.Parameter(identity.clone())

    def loss():
        logits = scale * normalize(rows @ matrix.T, dim=1) @ text.T
        anchor = torch.linalg.matrix_norm(matrix - identity) ** 2 / (sum(shots) / 3)
        return cross_entropy(logits, labels) + anchor

    descend(torch.optim.Adam([matrix], lr=1e-3), loss, 100)

    result = classify(query, PEERS["RLA"](support))[0]
    wanted = scale * normalize(query[0] @ matrix.detach().T, dim=1) @ text.T
    torch.testing.assert_close(result, wanted)


def test_task_res__residuals__agree(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)
    residual = nn.Parameter(torch.zeros_like(support.text_TND[0]))

    def logits(x):
        return scale * x @ normalize(support.text_TND[0] + 0.5 * residual, dim=1).T

    optimizer = torch.optim.Adam([residual], lr=2e-3)
    descend(optimizer, lambda: cross_entropy(logits(rows), labels), 200)

    result = classify(query, PEERS["TaskRes"](support))[0]
    torch.testing.assert_close(result, logits(query[0]).detach())


@pytest.fixture(params=[None, 1, 20])
def size_of_a_part(request, monkeypatch):
    """All pictures at once, one at a time, and two at a time, of which the last has one."""
    if request.param is not None:
        module = sys.modules["metaadapter.bench.peers.tip_adapter"]
        monkeypatch.setattr(module, "MOST_AFFINITIES", request.param)


def test_tip_adapter_f__keys__agree(make_support, pictures_of, scale, query, size_of_a_part):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)
    keys = nn.Parameter(rows.clone())

    def logits(x):
        columns = []
        for c in range(3):
            affinity = torch.exp(-(1 - x @ keys[labels == c].T))
            columns.append(scale * x @ support.text_TND[0, c] + 1.17 * affinity.sum(1))
        return torch.stack(columns, dim=1)

    optimizer = torch.optim.AdamW([keys], eps=1e-4, weight_decay=1e-2)
    descend(optimizer, lambda: cross_entropy(logits(rows), labels), 200, cosine=5e-4)

    result = logits_of(PEERS["Tip-Adapter-F"](support), query)[0]
    torch.testing.assert_close(result, logits(query[0]).detach())


@pytest.mark.parametrize("seed", range(5))
def test_cross_entropy__of_any_logits__is_that_of_torch_over_the_classes_there(seed):
    support = support_of(seed)
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 12, 4, generator=draw, dtype=torch.float64)

    result = cross_entropy_T(support, logits)

    for t, there_N in enumerate(support.class_mask_TN):
        counts_M = support.targets_TMN[t].any(-1)
        if not counts_M.any():
            assert result[t] == 0
            continue
        labels = support.targets_TMN[t][counts_M][:, there_N].argmax(-1)
        expected = cross_entropy(logits[t][counts_M][:, there_N], labels)
        torch.testing.assert_close(result[t], expected)
