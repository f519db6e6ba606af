"""The heads without training against formulas written out one class and picture at a time."""

from __future__ import annotations

import math

import pytest
import torch

from metaadapter.adapter.weights import classify, logits_of
from metaadapter.bench.peers.by_name import PEERS


def cosine(a, b):
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


FORMULAS = {
    "zero-shot": lambda x, text, _shots, scale: scale * float(x @ text),
    "prototypes": lambda x, _text, shots, scale: scale * cosine(x, shots.mean(0)),
    "text + mean": lambda x, text, shots, scale: scale * cosine(x, text + shots.mean(0)),
    "Tip-Adapter": lambda x, text, shots, scale: (
        scale * float(x @ text) + 1.17 * sum(math.exp(float(x @ key) - 1) for key in shots)
    ),
    # 1 / λ is the shots of the class.
    "SS-Text": lambda x, text, shots, scale: (
        scale * cosine(x, text + scale * len(shots) / 5 * shots.sum(0))
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_head__formula__agrees(make_support, pictures_of, scale, query, name):
    support = make_support((3, 0, 2) if name == "SS-Text" else (3, 1, 2))
    rows, labels = pictures_of(support)

    result = logits_of(PEERS[name](support), query)[0]
    wanted = [
        [FORMULAS[name](x, support.text_TND[0, c], rows[labels == c], scale) for c in range(3)]
        for x in query[0]
    ]
    torch.testing.assert_close(result, torch.tensor(wanted, dtype=torch.float64))


def test_proto_net__squared_distances__agree(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 0))
    rows, labels = pictures_of(support)
    means = [rows[labels == 0].mean(0), rows[labels == 1].mean(0), support.text_TND[0, 2]]

    result = classify(query, PEERS["ProtoNet"](support))[0].softmax(-1)

    wanted = [[math.exp(-scale / 2 * float((x - m) @ (x - m))) for m in means] for x in query[0]]
    wanted = torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(result, wanted / wanted.sum(1, keepdim=True))
