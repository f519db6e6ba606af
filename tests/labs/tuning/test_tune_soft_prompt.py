"""A prompt that is learned from labelled pictures, and asked of classes that were left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.features.towers.prompted_encoder import CONTEXT, SHIFT, START, PromptedEncoder
from metaadapter.features.towers.soft_prompt import PromptedTexts, word_vectors
from metaadapter.labs.tuning.tune_soft_prompt import SoftPrompt, tune_prompt

NAMES = ["fox", "heron", "otter", "lynx"]
N_SHOT = 3


@pytest.fixture(scope="module")
def rows(tiny):
    """Pictures that look much like the class before theirs too: something is to be learned."""
    texts = torch.from_numpy(tiny.encode_texts(NAMES))
    texts = normalize(texts + 0.9 * texts.roll(1, 0), dim=-1)
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(len(NAMES) * N_SHOT, texts.shape[1], generator=draw)
    return normalize(texts.repeat_interleave(N_SHOT, 0) + 0.05 * noise, dim=-1)


@pytest.fixture(scope="module")
def labels():
    return torch.arange(len(NAMES)).repeat_interleave(N_SHOT)


@pytest.fixture(scope="module")
def learned(tiny, rows, labels):
    return tune_prompt(tiny, rows, labels, NAMES, SoftPrompt(n_steps=4))


def test_learned__tensors__are_context_start_and_shift(tiny, learned):
    shapes = {name: tuple(tensor.shape) for name, tensor in learned.tensors.items()}
    assert shapes == {CONTEXT: (4, 128), START: (4, 128), SHIFT: (512,)}
    assert (learned.config.n_context, learned.config.n_steps) == (4, 4)
    assert learned.n_trained == 4 * 128
    expected = word_vectors(tiny.copied_network(), tiny.tokenize, "a photo of a", 4)
    assert torch.equal(learned.tensors[START], expected)


def test_learned__equals_the_steps_by_hand(tiny, rows, labels, learned):
    texts = PromptedTexts(tiny.copied_network(), tiny.tokenize, learned.tensors[START])
    hand_written = torch.from_numpy(tiny.encode_texts(NAMES))
    tokens = texts.tokens(NAMES)
    start = texts(tokens).detach()
    pictures = normalize(rows - rows.mean(0), dim=-1)

    def unit(classes):
        return normalize(classes - classes.mean(0), dim=-1)

    scales = [2.0**power for power in range(9)]
    cosines = pictures @ unit(hand_written).T
    scale = min(scales, key=lambda scale: cross_entropy(scale * cosines, labels).item())
    rate = 0.05 * float(learned.tensors[START].square().mean().sqrt())
    optimizer = torch.optim.Adam([texts.context], lr=rate)
    for _ in range(4):
        classes = normalize(hand_written + texts(tokens) - start, dim=-1)
        loss = cross_entropy(scale * pictures @ unit(classes).T, labels)
        loss = loss + (classes - hand_written).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    torch.testing.assert_close(learned.tensors[CONTEXT], texts.context.detach(), rtol=0, atol=1e-4)


def test_learned__pictures_of_known_classes__are_told_more_surely(tiny, rows, labels, learned):
    pictures = normalize(rows - rows.mean(0), dim=-1)

    def loss(some):
        texts = torch.from_numpy(some.encode_texts(NAMES))
        return cross_entropy(30 * pictures @ (texts - texts.mean(0)).T, labels).item()

    assert loss(PromptedEncoder(tiny, learned.tensors)) < loss(tiny) - 0.01


def test_encoder__after_learning__is_as_it_was(tiny, rows, labels):
    before = tiny.encode_texts(NAMES)
    weights = {name: tensor.clone() for name, tensor in tiny.network.state_dict().items()}

    tune_prompt(tiny, rows, labels, NAMES, SoftPrompt(n_steps=2))

    assert np.array_equal(tiny.encode_texts(NAMES), before)
    torch.testing.assert_close(dict(tiny.network.state_dict()), weights, rtol=0, atol=0)


def test_left_out__classes__decide(tiny, rows, labels):
    reports = []

    result = tune_prompt(tiny, rows, labels, NAMES, progress=reports.append)

    left_out = result.left_out
    assert left_out.n_pictures == len(labels)
    gain = left_out.log_losses[0] - left_out.log_losses[10]
    assert result.n_steps == (10 if gain > left_out.error else 0)
    assert reports[-1].done <= reports[-1].total == 30
    steps = [report.done for report in reports]
    assert steps == sorted(steps)


def test_left_out__pictures_that_show_other_classes__keep_the_names(tiny, rows, labels):
    draw = torch.Generator().manual_seed(1)
    noise = normalize(torch.randn(rows.shape, generator=draw), dim=-1)

    result = tune_prompt(tiny, noise, labels, NAMES)

    assert result.tensors == {}
    assert result.left_out.log_losses[10] > result.left_out.log_losses[0] - result.left_out.error


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_learned__on_a_model_of_open_clip__reads_names_anew(make_encoder, pictures, kind):
    encoder = make_encoder(kind)
    taken, names = pictures
    rows = torch.from_numpy(encoder.encode_images(taken))
    order = sorted(set(names))
    labels = torch.tensor([order.index(name) for name in names])

    result = tune_prompt(encoder, rows, labels, order, SoftPrompt(n_context=2, n_steps=3))

    assert result.tensors[CONTEXT].shape == (2, 16)
    read = PromptedEncoder(encoder, result.tensors).encode_texts(["yellow"])
    assert np.abs(read - encoder.encode_texts(["yellow"])).max() > 1e-4
