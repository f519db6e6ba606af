from __future__ import annotations

import pytest
import torch

from episodes import TaskSource
from metaadapter.bench.peers.caml import WAYS
from tools.first_weights import FREEDOM, SHRINKAGE, WIDTH, first_weights


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


def test_first_weights_of_meta_qda__scatter_within_classes__is_whitened(sources):
    first = first_weights("MetaQDA", sources, torch.Generator())

    within, mean = torch.zeros(6, 6), torch.zeros(6)
    for source in sources:
        share, pictures = classes_of(source)
        for shots in pictures:
            mean += share / len(pictures) * shots.mean(0)
            within += share / len(pictures) * shots.T.cov(correction=0)
    within += SHRINKAGE * within.trace() / 6 * torch.eye(6)
    white = FREEDOM * first["whiten_DD"] @ within @ first["whiten_DD"].T
    torch.testing.assert_close(white, torch.eye(6), rtol=0, atol=1e-4)
    torch.testing.assert_close(first["mean_D"].data, mean)


def test_first_weights_of_caml__narrow_features__keep_their_distances(sources):
    first = first_weights("CAML", sources, torch.Generator().manual_seed(0))

    rows = sources[0].features_nVD[:9, 0]
    tokens = rows @ first["project_WD"].T + first["bias_W"]
    ratio = torch.cdist(tokens, tokens)[0, 1:] / torch.cdist(rows, rows)[0, 1:]
    torch.testing.assert_close(ratio, ratio[:1].expand(8))
    assert tokens.shape == (9, WIDTH)
    assert not tokens[:, -WAYS:].any()  # the place of the labels
