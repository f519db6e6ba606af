"""The heads without training against formulas written out one class and picture at a time."""

from __future__ import annotations

import math

import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS

SHOTS = (3, 1, 2)


def cosine(a, b):
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def check(weights, query, logit):
    result = classify(query, weights)[0]

    wanted = [[logit(x, c) for c in range(weights.n_way)] for x in query[0]]
    torch.testing.assert_close(result, torch.tensor(wanted, dtype=torch.float64))


def test_zero_shot__formula__agrees(make_support, scale, query):
    support = make_support(SHOTS)

    weights = PEERS["zero-shot"](support)

    check(weights, query, lambda x, c: scale * float(x @ support.text_TND[0, c]))


def test_prototypes__formula__agrees(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)

    weights = PEERS["prototypes"](support)

    check(weights, query, lambda x, c: scale * cosine(x, rows[labels == c].mean(0)))


def test_prototypes__class_without_a_picture__keeps_its_text(make_support):
    support = make_support((2, 0))

    weights = PEERS["prototypes"](support)

    torch.testing.assert_close(weights.classes[0, 1], support.text_TND[0, 1])


def test_text_mean__formula__agrees(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)
    text = support.text_TND[0]

    weights = PEERS["text + mean"](support)

    check(weights, query, lambda x, c: scale * cosine(x, text[c] + rows[labels == c].mean(0)))


def test_tip_adapter__formula__agrees(make_support, pictures_of, scale, query):
    support = make_support(SHOTS)
    rows, labels = pictures_of(support)

    weights = PEERS["Tip-Adapter"](support)

    def logit(x, c):
        cached = sum(math.exp(float(x @ key) - 1) for key in rows[labels == c])
        return scale * float(x @ support.text_TND[0, c]) + 1.17 * cached

    check(weights, query, logit)


def test_ss_text__formula__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 0, 2))
    rows, labels = pictures_of(support)

    weights = PEERS["SS-Text"](support)

    def logit(x, c):
        vector = support.text_TND[0, c].clone()
        for row in rows[labels == c]:
            vector += scale * (3, 0, 2)[c] / 5 * row  # 1 / λ is the shots of the class
        return scale * cosine(x, vector)

    check(weights, query, logit)


def test_ss_text__class_of_very_many_pictures__penalty_has_a_floor(make_support, scale):
    support = make_support((1500, 1), width=2)

    weights = PEERS["SS-Text"](support)

    vector = support.text_TND[0, 0] + scale * 1000 / 1501 * support.support_TNKD[0, 0].sum(0)
    torch.testing.assert_close(weights.classes[0, 0], vector / vector.norm())


def test_proto_net__squared_distances__agree(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 0))
    rows, labels = pictures_of(support)
    means = [rows[labels == 0].mean(0), rows[labels == 1].mean(0), support.text_TND[0, 2]]

    result = classify(query, PEERS["ProtoNet"](support))[0].softmax(-1)

    wanted = [[math.exp(-scale / 2 * float((x - m) @ (x - m))) for m in means] for x in query[0]]
    wanted = torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(result, wanted / wanted.sum(1, keepdim=True))


def test_proto_net__one_shot__equals_prototypes(make_support, query):
    support = make_support((1, 1, 1))

    by_distance = classify(query, PEERS["ProtoNet"](support)).softmax(-1)

    by_direction = classify(query, PEERS["prototypes"](support)).softmax(-1)
    torch.testing.assert_close(by_distance, by_direction)


def test_proto_net__scattered_class__answers_where_prototypes_do_not():
    """Two pictures at ±60° of the first axis have the mean (½, 0), two equal ones have (0, 1)."""
    scattered, alike = [[0.5, 0.75**0.5], [0.5, -(0.75**0.5)]], [[0.0, 1.0], [0.0, 1.0]]
    support = Support.of_tasks(torch.tensor([[scattered, alike]]), logit_scale=1.0)
    query = torch.tensor([[[0.7, 0.51**0.5]]])

    by_distance = classify(query, PEERS["ProtoNet"](support))

    # ½ · 0.7 − ½ · ¼ against √0.51 − ½; the second axis is the nearer direction.
    torch.testing.assert_close(by_distance, torch.tensor([[[0.225, 0.51**0.5 - 0.5]]]))
    assert by_distance.argmax() == 0
    assert classify(query, PEERS["prototypes"](support)).argmax() == 1
