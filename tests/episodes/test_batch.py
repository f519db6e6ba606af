from __future__ import annotations

import pytest
import torch

from episodes import EpisodeBatch


def batch(**changes):
    parts = {
        "support_TNKD": torch.zeros(2, 3, 1, 4),
        "support_mask_TNK": torch.ones(2, 3, 1, dtype=torch.bool),
        "query_TQD": torch.zeros(2, 2, 4),
        "query_labels_TQ": torch.tensor([[0, 2], [1, -1]]),
        "text_TND": torch.zeros(2, 3, 4),
        "class_mask_TN": torch.tensor([[True, True, True], [True, True, False]]),
    }
    return EpisodeBatch(**(parts | changes))


def test_episode_batch__padded_query__is_allowed():
    assert batch().query_labels_TQ[1, 1] == -1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"query_labels_TQ": torch.tensor([[0, 2], [1, 2]])},
            ValueError,
            "task 1: a query's label points at a class that is masked",
        ),
        ({"text_TND": torch.zeros(2, 4, 4)}, TypeError, "text_TND"),
    ],
    ids=["label of a class that is not there", "shapes that disagree"],
)
def test_episode_batch__parts_that_disagree__are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        batch(**changes)
