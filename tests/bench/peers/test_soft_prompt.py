from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.bench.peers.soft_prompt import LearnedPrompt, prompted_texts
from metaadapter.features.encoder import FrozenEncoder

NAMES = ["fox", "heron", "otter", "lynx"]
LABELS = torch.arange(len(NAMES)).repeat_interleave(3)


@pytest.fixture(scope="module")
def tiny():
    return FrozenEncoder.load("tiny", device="cpu", zoom=False, blocks=("joint",))


@pytest.fixture(scope="module")
def rows(tiny):
    """Pictures that look much like the class before theirs too: something is to be learned."""
    texts = torch.from_numpy(tiny.encode_texts(NAMES))
    texts = normalize(texts + 0.9 * texts.roll(1, 0), dim=-1)
    noise = torch.randn(len(LABELS), texts.shape[1], generator=torch.Generator().manual_seed(0))
    return normalize(texts[LABELS] + 0.05 * noise, dim=-1)


def test_learned_texts__equal_steps_on_the_words_of_a_tower_by_hand(tiny, rows):
    prompt = LearnedPrompt(tiny, rows, LABELS, NAMES)
    prompt.learn(torch.arange(4))

    # The same by hand: the vectors of the words are changed in the table itself.
    network = tiny.copied_network()
    table = getattr(network, "text", network).token_embedding
    tokens = tiny.tokenize([f"a photo of a {name}." for name in NAMES])
    embedded = table.weight[tokens].detach()
    context = embedded[0, 1:5].clone().requires_grad_()
    table.register_forward_hook(
        lambda *_: torch.cat([embedded[:, :1], context.expand(4, -1, -1), embedded[:, 5:]], 1)
    )

    def read():
        return normalize(network.encode_text(tokens), dim=-1)

    def unit(classes):
        return normalize(classes - classes.mean(0), dim=-1)

    hand_written, start = torch.from_numpy(tiny.encode_texts(NAMES)), read().detach()
    pictures = normalize(rows - rows.mean(0), dim=-1)
    cosines = pictures @ unit(hand_written).T
    scales = [2.0**power for power in range(9)]
    scale = min(scales, key=lambda scale: cross_entropy(scale * cosines, LABELS).item())
    optimizer = torch.optim.Adam(
        [context], lr=0.05 * float(embedded[0, 1:5].square().mean().sqrt())
    )
    for _ in range(10):
        classes = normalize(hand_written + read() - start, dim=-1)
        loss = cross_entropy(scale * pictures @ unit(classes).T, LABELS)
        loss = loss + (classes - hand_written).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(prompt.context, context, rtol=0, atol=1e-4)
    torch.testing.assert_close(
        prompt.texts(torch.arange(4)), normalize(hand_written + read() - start, dim=-1)
    )


def test_texts__that_gain_on_left_out_classes__are_changed_and_the_encoder_is_not(
    tiny, rows, monkeypatch
):
    before = tiny.encode_texts([*NAMES, "owl"])
    monkeypatch.setattr(LearnedPrompt, "gains", lambda *_: torch.tensor([1.0, 1.1]))

    texts = prompted_texts(tiny, rows, LABELS, NAMES, [*NAMES, "owl"])

    assert np.array_equal(tiny.encode_texts([*NAMES, "owl"]), before)
    assert (texts - torch.from_numpy(before)).abs().amax(1).min() > 1e-4
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(5))


def test_texts__without_a_gain_or_three_classes__stay(tiny, rows):
    noise = torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    assert prompted_texts(tiny, normalize(noise, dim=-1), LABELS, NAMES, NAMES) is None
    assert prompted_texts(tiny, rows[:6], LABELS[:6], NAMES[:2], NAMES) is None
