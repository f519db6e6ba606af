from __future__ import annotations

import pytest
import torch

from episodes import TaskSource
from tools.first_prior import FREEDOM, SHRINKAGE, first_prior


@pytest.fixture
def sources():
    """Two sources of unlike weight; pictures without a label are far from all others."""
    draw = torch.Generator().manual_seed(0)
    sources = []
    for name, weight, n_classes in (("pets", 3.0, 4), ("birds", 1.0, 6)):
        labels_n = torch.arange(n_classes).repeat(30)
        spread = 1 + torch.arange(6.0)
        rows = spread * torch.randn(len(labels_n), 6, generator=draw) + labels_n[:, None]
        sources.append(
            TaskSource(
                name=name,
                features_nVD=torch.cat([rows, torch.full((5, 6), 99.0)])[:, None],
                labels_n=torch.cat([labels_n, torch.full((5,), -1)]),
                text_CD=torch.zeros(n_classes, 6),
                logit_scale=1.0,
                weight=weight,
            )
        )
    return sources


def classes_of(source):
    """The pictures of each class, and the share of the source's weight."""
    share = source.weight / 4
    return share, [source.features_nVD[source.labels_n == c, 0] for c in range(len(source.text_CD))]


def test_first_prior__scatter_within_classes__is_whitened(sources):
    prior = first_prior(sources)

    within, mean = torch.zeros(6, 6), torch.zeros(6)
    for source in sources:
        share, pictures = classes_of(source)
        for shots in pictures:
            mean += share / len(pictures) * shots.mean(0)
            within += share / len(pictures) * shots.T.cov(correction=0)
    within += SHRINKAGE * within.trace() / 6 * torch.eye(6)
    white = FREEDOM * prior.whiten_DD @ within @ prior.whiten_DD.T
    torch.testing.assert_close(white, torch.eye(6), rtol=0, atol=1e-4)
    torch.testing.assert_close(prior.mean_D, mean)
