"""Whether a pool from elsewhere helps, judged by answers that share more information with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from metaadapter.adapter.support import Support
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.pool_gain import is_from_elsewhere, pool_gain, shared_information

N_WAY, N_SHOTS, WIDTH, N_POOL = 5, 2, 40, 200


@pytest.fixture(scope="module")
def generator():
    return load_generator("default")


def task(*, common: bool, named: bool = True) -> Support:
    """A task with a pool from elsewhere; without a `common` shift it shows no class or name."""
    numbers = np.random.default_rng(3)
    centres, away = numbers.normal(size=(N_WAY, WIDTH)), numbers.normal(size=WIDTH)
    labels = np.arange(N_POOL) % N_WAY
    apart = centres[labels] if common else numbers.normal(size=(N_POOL, WIDTH))
    own = np.repeat(np.arange(N_WAY), N_SHOTS)

    def rows(means):
        noisy = means + 1.3 * numbers.normal(size=means.shape)
        return torch.nn.functional.normalize(torch.from_numpy(noisy), dim=-1)

    text = centres * common + numbers.normal(size=centres.shape)
    text = torch.nn.functional.normalize(torch.from_numpy(text), dim=-1)
    return Support.of_rows(
        rows(centres[own]),
        torch.from_numpy(own),
        text if named else torch.zeros_like(text),
        logit_scale=20.0,
        pool=rows(apart + 2 * away),
    )


def test_shared_information__is_the_mutual_information_in_nats():
    one, other = np.random.default_rng(0).integers(0, 4, size=(2, 60))

    shared = shared_information(torch.from_numpy(one), torch.from_numpy(other), 4)

    assert shared == pytest.approx(mutual_info_score(one, other))


def test_pool_gain__shift_common_to_all_classes__is_expected(generator):
    support = task(common=True)

    assert is_from_elsewhere(support)
    assert 0 < pool_gain(generator, support) < 1


@pytest.mark.parametrize("named", [True, False])
def test_pool_gain__classes_that_do_not_stay_together__is_none(generator, named):
    support = task(common=False, named=named)

    assert is_from_elsewhere(support)
    assert pool_gain(generator, support) is None


def test_is_from_elsewhere__class_that_has_only_a_name__is_unknown():
    support = task(common=True)
    mask_TNK = torch.ones_like(support.support_mask_TNK)
    mask_TNK[0, 0] = False

    assert not is_from_elsewhere(support.kept(mask_TNK))
