"""A training step never waits for its device: tasks are drawn on the host, features are not read.

Tensors on the device `meta` have no values, so each read of a value fails there: `.item()`, `bool`,
`.tolist()`, `nonzero`, boolean masks as indices, copies to the CPU.
"""

from __future__ import annotations

import pytest
import torch

from metaadapter.training.random_streams import streams_of_step
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

WITHOUT_VALIDATION = ("data.validation_classes=[]", "data.validation_domains=[]")
CONFIGS = {
    "second order": ("inner.steps=1", "inner.order=second"),
    "all terms and perturbations": (
        *("loss.draws=1", "loss.off_class=1", "loss.known=1", "episodes.imbalance=0.5"),
    ),
}
each_config = pytest.mark.parametrize("overrides", CONFIGS.values(), ids=CONFIGS)


def make_trainer(config, device):
    """A trainer whose tasks and network are on a device."""
    data, cpu = load_training_data(config), torch.device("cpu")
    place = cpu if device.type == "meta" else device
    mixture = data.mixture(config, device)
    trainer = Trainer(config, mixture, data.validator(config, place), place)
    trainer._network.to(device)
    return trainer


@each_config
def test_backward__tensors_without_values__never_miss_them(load, overrides):
    trainer = make_trainer(load(*WITHOUT_VALIDATION, *overrides), torch.device("meta"))

    with streams_of_step(0, 0, torch.device("cpu")) as random:
        draws = [trainer._backward(random) for _ in range(2)]

    assert all(term.device.type == "meta" for draw in draws for term in draw.values())
    assert all(draws)
    assert any(p.grad is not None for p in trainer._network.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each_config
def test_backward__on_a_gpu__never_waits_for_it(load, overrides):
    trainer = make_trainer(load(*WITHOUT_VALIDATION, *overrides), torch.device("cuda"))
    with streams_of_step(0, 0, torch.device("cuda")) as random:
        trainer._backward(random)  # the first one fills caches
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(3):
                trainer._backward(random)
        finally:
            torch.cuda.set_sync_debug_mode("default")
