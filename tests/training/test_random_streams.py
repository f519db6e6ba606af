from __future__ import annotations

import torch

from metaadapter.training.trainer import stream


def draws(seed, name):
    return torch.rand(4, generator=stream(seed, name))


def test_stream__seed_and_name__decide_the_draws():
    assert torch.equal(draws(0, "episodes"), draws(0, "episodes"))
    assert not torch.equal(draws(0, "episodes"), draws(0, "perturb"))
    assert not torch.equal(draws(0, "episodes"), draws(1, "episodes"))


def test_stream__caller__keeps_its_own_random_state():
    before = torch.get_rng_state()

    draws(0, "episodes")

    assert torch.equal(torch.get_rng_state(), before)
