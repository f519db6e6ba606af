"""The published scores of strangers: formulas, and properties of every score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp, softmax
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown_scores import (
    SCORES,
    AnsweredQueries,
    energy,
    far_words,
    mcm,
    msp,
    neg_label,
)

COUNTS, WIDTH, SCALE = (3, 1, 2, 4), 12, 17.0
every_score = pytest.mark.parametrize("name", SCORES)


@pytest.fixture
def make_queries():
    """Nine pictures a task, drawn about nothing; places without a labelled one hold rubbish."""

    def make(counts=COUNTS, n_tasks=2, n_words=40):
        draw = torch.Generator().manual_seed(3)

        def randn(*shape):
            return torch.randn(*shape, WIDTH, generator=draw, dtype=torch.float64)

        n_way, n_shot = len(counts), max(counts)
        mask_TNK = (torch.arange(n_shot) < torch.tensor(counts)[:, None]).expand(n_tasks, -1, -1)
        pictures_TNKD = normalize(randn(n_tasks, n_way, n_shot), dim=-1)
        texts_TND = normalize(randn(n_tasks, n_way), dim=-1)
        pictures_TNKD = torch.where(mask_TNK[..., None], pictures_TNKD, 5.0)
        support = Support.of_tasks(pictures_TNKD, texts_TND, mask_TNK, logit_scale=SCALE)
        rows_TQD = normalize(randn(n_tasks, 9), dim=-1)
        words_WD = normalize(randn(n_words), dim=-1)
        return AnsweredQueries(rows_TQD, SCALE * rows_TQD @ texts_TND.mT, support, words_WD)

    return make


@pytest.fixture
def queries(make_queries):
    return make_queries()


@every_score
def test_score__one_task_and_picture_alone__is_as_among_others(name, queries):
    support = queries.support.map(lambda tensor: tensor[1:])
    alone = AnsweredQueries(
        queries.rows_TQD[1:, 4:5], queries.logits_TQN[1:, 4:5], support, queries.words_WD
    )

    torch.testing.assert_close(SCORES[name](alone), SCORES[name](queries)[1:, 4:5])


@every_score
def test_score__class_that_is_masked_out__has_no_say(name, queries):
    support = queries.support
    mask_TN = torch.tensor([[True, True, True, False]]).expand(2, -1)
    masked = replace(
        queries,
        logits_TQN=queries.logits_TQN.masked_fill(~mask_TN[:, None], -torch.inf),
        support=replace(support, class_mask_TN=mask_TN),
    )
    three = Support.of_tasks(
        support.support_TNKD[:, :3],
        support.text_TND[:, :3],
        support.support_mask_TNK[:, :3],
        logit_scale=support.logit_scale_T,
    )
    without = replace(queries, logits_TQN=queries.logits_TQN[..., :3], support=three)

    torch.testing.assert_close(SCORES[name](masked), SCORES[name](without))


def test_msp__is_the_largest_probability_as_log_odds(queries):
    expected = softmax(queries.logits_TQN.numpy(), axis=-1).max(-1)

    assert expit(msp(queries).numpy()) == pytest.approx(expected)


def test_energy__is_what_scipy_has(queries):
    expected = logsumexp(queries.logits_TQN.numpy(), axis=-1)

    assert energy(queries).numpy() == pytest.approx(expected)


def test_mcm__is_a_softmax_of_cosines_without_a_temperature(queries):
    result = mcm(queries)

    for task, rows in enumerate(queries.rows_TQD.numpy()):
        texts = queries.support.text_TND[task].numpy()
        for number, row in enumerate(rows):
            powers = [np.exp(row @ text) for text in texts]
            assert result[task, number] == pytest.approx(max(powers) / sum(powers))


def test_far_words__are_as_a_slow_loop_has_them(queries):
    result = far_words(queries.support, queries.words_WD)

    for task, texts in enumerate(queries.support.text_TND.numpy()):
        nearness = [
            np.quantile([word @ text for text in texts], 0.95, method="higher")
            for word in queries.words_WD.numpy()
        ]
        expected = queries.words_WD.numpy()[np.argsort(nearness)[:6]]
        assert result[task].numpy() == pytest.approx(expected)


def test_neg_label__in_two_groups__is_as_a_slow_loop_has_it(make_queries):
    queries = make_queries(n_words=400)

    result = neg_label(queries)

    far_TMD = far_words(queries.support, queries.words_WD).numpy()
    assert far_TMD.shape[1] == 60
    for task, rows in enumerate(queries.rows_TQD.numpy()):
        texts = queries.support.text_TND[task].numpy()
        for number, row in enumerate(rows):
            own = sum(np.exp(17.0 * row @ text) for text in texts)
            shares = []
            for group in (far_TMD[task, 0::2], far_TMD[task, 1::2]):
                other = sum(np.exp(17.0 * row @ word) for word in group)
                shares.append(own / (own + other))
            assert result[task, number] == pytest.approx(np.mean(shares))
