from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from episodes import synthetic_source
from metaadapter.training.validator import N_STRANGERS, _far_strangers


@pytest.fixture
def sources():
    """Sources of 100 pictures, of which the first 20 have no label; the last is narrower."""
    made = []
    for number, width in enumerate((8, 8, 8, 6)):
        generator = torch.Generator().manual_seed(number)
        source = synthetic_source(f"s{number}", generator=generator, n_classes=10, width=width)
        features_nVD, labels_n = source.features_nVD[:100], source.labels_n[:100].clone()
        labels_n[:20] = -1
        made.append(replace(source, features_nVD=features_nVD, labels_n=labels_n))
    return made


def test_far_strangers__are_labelled_pictures_of_other_sources_drawn_alike(sources):
    source, *others = sources

    far = _far_strangers(source, sources, 3)

    everything = torch.cat([one.features_nVD[20:, 0] for one in others[:2]])
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(3))
    assert torch.equal(far, everything[order[:N_STRANGERS]])
    assert _far_strangers(source, [source, others[2]], 3).shape == (0, 8)
