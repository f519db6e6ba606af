from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from metaadapter.bench.peers.unknown_scores import far_words, mcm, neg_label
from metaadapter.errors import UsageError


def test_mcm__is_a_softmax_of_cosines_without_a_temperature(asked):
    result = mcm(asked)

    for task, rows in enumerate(asked.rows_TQD.numpy()):
        texts = asked.support.text_TND[task].numpy()
        for number, row in enumerate(rows):
            powers = [np.exp(row @ text) for text in texts]
            assert result[task, number] == pytest.approx(max(powers) / sum(powers))


def test_far_words__are_as_a_slow_loop_has_them(asked):
    result = far_words(asked.support, asked.words_WD)

    for task, texts in enumerate(asked.support.text_TND.numpy()):
        nearness = [
            np.quantile([word @ text for text in texts], 0.95, method="higher")
            for word in asked.words_WD.numpy()
        ]
        expected = asked.words_WD.numpy()[np.argsort(nearness)[:6]]
        assert result[task].numpy() == pytest.approx(expected)


def test_far_words__name_of_a_class__is_not_among_them_however_far_the_others_are(asked):
    own_D = asked.support.text_TND[0, 0]
    others_ND = -own_D.expand(3, -1)
    text_TND = torch.cat([own_D[None], others_ND])[None].expand(2, -1, -1)
    words_WD = torch.cat([own_D[None], torch.eye(12, dtype=own_D.dtype)])

    result = far_words(replace(asked.support, text_TND=text_TND), words_WD)

    assert not (result == own_D).all(-1).any()


def test_neg_label__in_two_groups__is_as_a_slow_loop_has_it(make_asked):
    asked = make_asked(n_words=400)

    result = neg_label(asked)

    far_TMD = far_words(asked.support, asked.words_WD).numpy()
    assert far_TMD.shape[1] == 60
    for task, rows in enumerate(asked.rows_TQD.numpy()):
        texts = asked.support.text_TND[task].numpy()
        for number, row in enumerate(rows):
            own = sum(np.exp(17.0 * row @ text) for text in texts)
            shares = []
            for group in (far_TMD[task, 0::2], far_TMD[task, 1::2]):
                other = sum(np.exp(17.0 * row @ word) for word in group)
                shares.append(own / (own + other))
            assert result[task, number] == pytest.approx(np.mean(shares))


def test_neg_label__without_words__asks_for_them(asked):
    with pytest.raises(UsageError, match=r"NegLabel needs words .* `words_WD`"):
        neg_label(replace(asked, words_WD=None))
