from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import erf, softmax

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.caml import WAYS, label_vectors
from metaadapter.errors import UsageError


def normed(token):
    return (token - token.mean()) / math.sqrt(token.var() + 1e-5)


def one_answer(pictures, labels, query, learned):
    """The read token of one query, token by token and head by head; labels are vectors."""
    place = learned.project_WD @ query + learned.bias_W
    tokens = [place + learned.unknown_W]
    for picture, label in zip(pictures, labels, strict=True):
        place = learned.project_WD @ picture + learned.bias_W
        tokens.append(place + learned.label_WC @ label)
    for j in range(len(learned.query_JHEW)):
        seen, after = [normed(token) for token in tokens], []
        for token, own in zip(tokens, seen, strict=True):
            moved = token.copy()
            for h in range(learned.query_JHEW.shape[1]):
                question = learned.query_JHEW[j, h] @ own
                worth = [question @ (learned.key_JHEW[j, h] @ other) for other in seen]
                shares = softmax(np.array(worth) / math.sqrt(len(question)))
                values = [learned.value_JHEW[j, h] @ other for other in seen]
                mixed = sum(share * value for share, value in zip(shares, values, strict=True))
                moved += mixed @ learned.out_JHEW[j, h]
            inner = learned.up_JFW[j] @ normed(moved) + learned.up_bias_JF[j]
            after.append(
                moved + (inner * (1 + erf(inner / math.sqrt(2))) / 2) @ learned.down_JFW[j]
            )
        tokens = after
    return learned.read_CW @ normed(tokens[0])


def test_caml__slow_loop_over_queries__agrees(make_meta_peer, make_support, pictures_of, query):
    support, peer = make_support((3, 1, 0, 2)), make_meta_peer("CAML")
    rows, labels = (part.numpy() for part in pictures_of(support))
    learned = SimpleNamespace(**{name: w.double().numpy() for name, w in peer.learned.items()})
    # A simplex: the corners of WAYS dimensions, seen from their middle, with length 1.
    corners = np.eye(WAYS) - 1 / WAYS
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)

    result = logits_of(peer(support), query)[0]

    wanted = []
    for one in query[0].numpy():
        read = one_answer(rows, corners[labels], one, learned)
        wanted.append(corners[:4] @ read)
    wanted = torch.tensor(np.array(wanted)).log_softmax(-1)
    torch.testing.assert_close(result, wanted)


def test_caml__queries_beside_others__answers_stay(make_meta_peer, make_support, query):
    head = make_meta_peer("CAML")(make_support((2, 1, 3)))

    alone = torch.cat([logits_of(head, query[:, q : q + 1]) for q in range(query.shape[1])], dim=1)

    torch.testing.assert_close(logits_of(head, query), alone)


def test_label_vectors__have_length_one_and_equal_angles():
    vectors = label_vectors().double()

    wanted = torch.full((WAYS, WAYS), -1 / (WAYS - 1), dtype=torch.float64).fill_diagonal_(1.0)
    torch.testing.assert_close(vectors @ vectors.T, wanted)


def test_caml__classes_change_places_with_their_vectors__logits_follow(
    make_meta_peer, make_support, query
):
    """The vectors are alike, so that only the weights tell one from another."""
    support, peer, order = make_support((3, 1, 2, 1, 2)), make_meta_peer("CAML"), [3, 0, 4, 2, 1]
    permuted = replace(
        support,
        support_TNKD=support.support_TNKD[:, order],
        support_mask_TNK=support.support_mask_TNK[:, order],
    )
    moved = {
        "label_WC": peer.learned["label_WC"][:, order],
        "read_CW": peer.learned["read_CW"][order],
    }

    result = logits_of(replace(peer, learned=peer.learned | moved)(permuted), query)

    wanted = logits_of(peer(support), query)[..., order]
    torch.testing.assert_close(result, wanted)
    assert (logits_of(peer(permuted), query) - wanted).abs().max() > 1e-6


def test_caml__more_classes_than_label_vectors__are_refused(make_meta_peer, make_support):
    peer = make_meta_peer("CAML")

    with pytest.raises(UsageError, match=r"CAML reads tasks of at most 5 classes, .* has 6 in a"):
        peer(make_support((1,) * 6))
