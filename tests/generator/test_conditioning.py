"""The shipped generator listens to its condition, on photographs that the package holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator

N_WAY, N_QUERY, N_TASKS = 10, 8, 20


class Photographs:
    """Tasks on the demo's clothes: ten ways, eight queries a class, nested supports of 1, 4, 8."""

    def __init__(self, encoder, features):
        rows = torch.from_numpy(np.stack([features[path] for path in sorted(features)]))
        by_class = rows.unflatten(0, (N_WAY, -1))
        names = sorted({path.parent.name for path in features})
        draw = torch.Generator().manual_seed(0)
        order = torch.rand(N_TASKS, *by_class.shape[:2], generator=draw).argsort(-1)
        drawn = by_class.expand(N_TASKS, -1, -1, -1).gather(
            2, order[..., None].expand(-1, -1, -1, by_class.shape[-1])
        )
        self.support, self.query = drawn[:, :, N_QUERY:], drawn[:, :, :N_QUERY].flatten(1, 2)
        self.text = torch.from_numpy(encoder.encode_texts(names)).expand(N_TASKS, -1, -1)
        self.truth = torch.arange(N_WAY).repeat_interleave(N_QUERY)
        self.logit_scale, self.blocks = encoder.logit_scale, encoder.blocks
        self.generator = load_generator("default")

    def accuracy(self, support, text=None, query=None):
        """Mean accuracy in %."""
        weights = self.generator.predict(
            Support.of_tasks(
                support,
                self.text if text is None else text,
                logit_scale=self.logit_scale,
                blocks=self.blocks,
            )
        )
        answers = classify(self.query if query is None else query, weights).argmax(-1)
        return 100 * float((answers == self.truth).double().mean())


@pytest.fixture(scope="module")
def photographs(demo_features):
    return Photographs(*demo_features)


@pytest.fixture(scope="module")
def straight(photographs):
    """The accuracy by the number of shots."""
    return {
        n_shot: photographs.accuracy(photographs.support[:, :, :n_shot]) for n_shot in (1, 4, 8)
    }


def of_others(rows):
    """Each class gets what belongs to the one before it."""
    return rows.roll(1, dims=1)


@pytest.mark.parametrize(("n_shot", "margin"), [(1, 10), (4, 20), (8, 30)])
def test_support__labels_shuffled__costs_a_margin(photographs, straight, n_shot, margin):
    support = photographs.support[:, :, :n_shot]
    draw = torch.Generator().manual_seed(1)
    order = torch.randperm(N_WAY * n_shot, generator=draw)
    shuffled = support.flatten(1, 2)[:, order].unflatten(1, (N_WAY, n_shot))

    loss = straight[n_shot] - photographs.accuracy(shuffled)

    assert loss > margin


def test_text__of_other_classes__costs_three_points_at_one_shot_and_not_at_eight(photographs):
    def cost(support):
        others = of_others(photographs.text)
        return photographs.accuracy(support) - photographs.accuracy(support, others)

    assert cost(photographs.support[:, :, :1]) > 3
    assert cost(photographs.support) < 3


def test_support__withheld__leaves_zero_shot(photographs):
    withheld = photographs.accuracy(photographs.support[:, :, :0])

    zero_shot = (photographs.query @ photographs.text.mT).argmax(-1) == photographs.truth
    assert withheld == 100 * float(zero_shot.double().mean())
