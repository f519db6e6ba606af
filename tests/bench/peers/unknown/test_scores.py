"""Properties of every score of strangers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown_scores import READ_WORDS, SCORES, AnsweredQueries

FIELDS = ("support_TNKD", "support_mask_TNK", "text_TND", "class_mask_TN")


def test_scores_that_read_words__are_among_the_scores():
    assert set(SCORES) >= READ_WORDS


@pytest.mark.parametrize("name", SCORES)
def test_score__features_turned_together__is_the_same(name, asked, turned):
    torch.testing.assert_close(SCORES[name](turned(asked)), SCORES[name](asked))


@pytest.mark.parametrize("name", SCORES)
def test_score__classes_in_another_order__is_the_same(name, asked):
    order = torch.tensor([2, 0, 3, 1])
    parts = {field: getattr(asked.support, field)[:, order] for field in FIELDS}
    other = replace(
        asked, logits_TQN=asked.logits_TQN[..., order], support=replace(asked.support, **parts)
    )

    torch.testing.assert_close(SCORES[name](other), SCORES[name](asked))


@pytest.mark.parametrize("name", SCORES)
def test_score__one_task_and_picture_alone__is_as_among_others(name, asked):
    support = replace(asked.support.map(lambda each: each[1:]))
    alone = AnsweredQueries(
        asked.rows_TQD[1:, 4:5], asked.logits_TQN[1:, 4:5], support, asked.words_WD
    )

    torch.testing.assert_close(SCORES[name](alone), SCORES[name](asked)[1:, 4:5])


@pytest.mark.parametrize("name", SCORES)
def test_score__class_that_is_masked_out__has_no_say(name, asked):
    support = asked.support
    mask_TN = torch.tensor([[True, True, True, False]]).expand(2, -1)
    masked = replace(
        asked,
        logits_TQN=asked.logits_TQN.masked_fill(~mask_TN[:, None], -torch.inf),
        support=replace(support, class_mask_TN=mask_TN),
    )
    three = Support.of_tasks(
        support.support_TNKD[:, :3],
        support.text_TND[:, :3],
        support.support_mask_TNK[:, :3],
        logit_scale=support.logit_scale_T,
    )
    without = replace(asked, logits_TQN=asked.logits_TQN[..., :3], support=three)

    torch.testing.assert_close(SCORES[name](masked), SCORES[name](without))
