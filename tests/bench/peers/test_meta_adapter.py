from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from metaadapter.adapter.weights import classify


def class_vector(text, pictures, learned):
    """The attention of one class with sums written out."""
    width = len(text)
    tokens = [text, *pictures] if float(text @ text) else list(pictures)
    question = [
        sum(float(w * t) for w, t in zip(row, text, strict=True)) for row in learned.query_DD
    ]
    worth = []
    for token in tokens:
        key = [sum(float(w * z) for w, z in zip(row, token, strict=True)) for row in learned.key_DD]
        worth.append(math.exp(sum(q * k for q, k in zip(question, key, strict=True)) / width**0.5))
    gate = 1 / (1 + math.exp(-float(learned.gate_D @ text) - float(learned.gate_bias)))
    refined = [float(value) for value in text]
    for share, token in zip(worth, tokens, strict=True):
        for d in range(width):
            refined[d] += gate * share / sum(worth) * float(token[d])
    length = math.sqrt(sum(value * value for value in refined))
    return [value / length for value in refined]


@pytest.mark.parametrize("without_text", [False, True])
def test_meta_adapter__slow_loop__agrees(make_meta_peer, make_support, scale, query, without_text):
    support = make_support((3, 1, 0))
    if without_text:
        support.text_TND[0, 1] = 0
    peer = make_meta_peer("Meta-Adapter")

    result = classify(query, peer(support))[0]

    wanted = []
    for c, text in enumerate(support.text_TND[0]):
        pictures = support.support_TNKD[0, c][support.support_mask_TNK[0, c]]
        wanted.append(class_vector(text, pictures, SimpleNamespace(**peer.learned)))
    classes_ND = torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(result, scale * query[0] @ classes_ND.T)
