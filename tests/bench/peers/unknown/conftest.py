from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown_scores import AnsweredQueries

COUNTS, WIDTH, SCALE = (3, 1, 2, 4), 12, 17.0


def asked_of(counts=COUNTS, n_tasks=2, n_words=40):
    """Nine pictures a task, drawn about nothing; places without a labelled one hold rubbish."""
    draw = torch.Generator().manual_seed(3)

    def randn(*shape):
        return torch.randn(*shape, WIDTH, generator=draw, dtype=torch.float64)

    n_way = len(counts)
    mask_TNK = (torch.arange(max(counts)) < torch.tensor(counts)[:, None]).expand(n_tasks, -1, -1)
    pictures_TNKD = normalize(randn(n_tasks, n_way, max(counts)), dim=-1)
    texts_TND = normalize(randn(n_tasks, n_way), dim=-1)
    pictures_TNKD = torch.where(mask_TNK[..., None], pictures_TNKD, 5.0)
    support = Support.of_tasks(pictures_TNKD, texts_TND, mask_TNK, logit_scale=SCALE)
    rows_TQD = normalize(randn(n_tasks, 9), dim=-1)
    words_WD = normalize(randn(n_words), dim=-1)
    return AnsweredQueries(rows_TQD, SCALE * rows_TQD @ texts_TND.mT, support, words_WD)


@pytest.fixture
def make_asked():
    return asked_of


@pytest.fixture
def asked():
    return asked_of()


@pytest.fixture
def turned():
    """The same question with all features turned by one rotation; the answers stay."""

    def turn(asked):
        draw = torch.Generator().manual_seed(4)
        square = torch.randn(WIDTH, WIDTH, generator=draw, dtype=torch.float64)
        rotation_DD = torch.linalg.qr(square)[0]
        support = replace(
            asked.support,
            support_TNKD=asked.support.support_TNKD @ rotation_DD,
            text_TND=asked.support.text_TND @ rotation_DD,
        )
        return replace(
            asked,
            rows_TQD=asked.rows_TQD @ rotation_DD,
            support=support,
            words_WD=asked.words_WD @ rotation_DD,
        )

    return turn
