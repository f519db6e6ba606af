from __future__ import annotations

import math

import pytest
import torch

from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.network import bounded

FACTOR = 0.7


@pytest.fixture
def ratio():
    """Divides the inverse temperature of a network that corrects it alone by the closed form's."""

    def ratio(support):
        generator = Generator(GeneratorConfig(width=32, n_layers=1)).double().eval()
        closed_form = generator.predict(support).logit_scale
        with torch.no_grad():
            generator.heads.task.bias[0] = FACTOR
        return generator.predict(support).logit_scale / closed_form

    return ratio


def log_factor(shots):
    return float(bounded(torch.tensor(FACTOR, dtype=torch.float64))) / math.sqrt(math.sqrt(shots))


@pytest.mark.parametrize("n_shot", [1, 4, 16])
def test_correction__more_pictures_a_class__falls_with_their_fourth_root(make_task, ratio, n_shot):
    expected = torch.full((2,), math.exp(log_factor(n_shot)), dtype=torch.float64)

    torch.testing.assert_close(ratio(make_task(2, 4, n_shot).support), expected)
