from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.evaluation.label_guard import LabelsRead, SealedLabels

LABELS = torch.tensor([[0, 1, -1]])


@pytest.mark.parametrize(
    "read",
    [
        lambda sealed: sealed[0],
        list,
        len,
        np.asarray,
        lambda sealed: sealed == 1,
        lambda sealed: sealed.shape,
        lambda sealed: sealed.tolist(),
        lambda sealed: torch.add(torch.ones(3), sealed),
        lambda sealed: torch.where(sealed, 1, 0),
        lambda sealed: setattr(sealed, "labels", LABELS),
    ],
)
def test_sealed_labels__any_reading__is_refused(read):
    with pytest.raises(LabelsRead, match="read before scoring"):
        read(SealedLabels(LABELS))


def test_sealed_labels__answers_to_all_queries__open_them():
    assert SealedLabels(LABELS).open(torch.zeros(1, 3, 2)).equal(LABELS)


def test_sealed_labels__answers_to_some_queries__do_not():
    with pytest.raises(LabelsRead):
        SealedLabels(LABELS).open(torch.zeros(1, 2, 2))
