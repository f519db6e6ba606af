from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from metaadapter.generator.generator import Generator

CAUTION = 0.6


@pytest.fixture
def scales(trained_like):
    """The inverse temperatures with caution, divided by those without."""

    def scales(support):
        cautious = Generator(replace(trained_like.config, caution=CAUTION)).double()
        cautious.load_state_dict(trained_like.state_dict())
        with_it, without = (
            generator.eval().predict(support) for generator in (cautious, trained_like)
        )
        torch.testing.assert_close(with_it.classes, without.classes)
        return with_it.logit_scale / without.logit_scale

    return scales


@pytest.mark.parametrize("n_shot", [1, 3])
def test_caution__some_pictures_a_class__lowers_the_temperature_by_its_part(
    make_task, scales, n_shot
):
    task = make_task(2, 4, n_shot)

    expected = torch.full((2,), math.exp(-CAUTION / n_shot), dtype=torch.float64)
    torch.testing.assert_close(scales(task.support), expected)


def test_caution__uneven_shots__counts_their_harmonic_mean(make_task, scales):
    task = make_task(1, 3, 3)
    task.mask[0] = torch.arange(3) < torch.tensor([[1], [2], [3]])

    harmonic = 3 / (1 + 1 / 2 + 1 / 3)
    assert float(scales(task.support)) == pytest.approx(math.exp(-CAUTION / harmonic))


def test_caution__pool__counts_as_pictures(make_task, trained_like):
    task = make_task(1, 4, 2)
    pooled = task.support.with_pool(task.query[0])
    cautious = Generator(replace(trained_like.config, caution=CAUTION)).double()
    cautious.load_state_dict(trained_like.state_dict())

    scales = [
        generator._without_pool(pooled)[0].logit_scale.detach()
        for generator in (cautious, trained_like)
    ]

    # Four pictures of a pool and four classes: one more picture of each class.
    assert float(scales[0] / scales[1]) == pytest.approx(math.exp(-CAUTION / 3))
