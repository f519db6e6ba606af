from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from episodes import TaskSource


@pytest.fixture
def gaussians():
    """Four classes of so many pictures around random directions, which are their texts."""

    def make(n_pictures):
        draw = torch.Generator().manual_seed(0)
        means = torch.randn(4, 24, generator=draw)
        pictures = means[:, None] + 2 * torch.randn(4, n_pictures, 24, generator=draw)
        return TaskSource(
            name="gaussians",
            features_nVD=normalize(pictures, dim=-1).flatten(0, 1)[:, None],
            labels_n=torch.arange(4).repeat_interleave(n_pictures),
            text_CD=normalize(means, dim=-1),
            logit_scale=20.0,
        )

    return make
