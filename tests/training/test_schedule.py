from __future__ import annotations

import pytest
import torch
from torch import nn

from metaadapter.training.config import OptimConfig
from metaadapter.training.schedule import learning_rate, make_optimizer


# Older torch warns of how its own SequentialLR calls the scheduler that comes next.
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_learning_rate__warm_up_and_cosine__are_those_of_torch():
    config = OptimConfig(steps=50, warmup=10, lr=0.3)
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=9)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[10])

    for step in range(50):
        assert learning_rate(step, config) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        both.step()


def test_learning_rate__without_warm_up__begins_at_the_top():
    config = OptimConfig(steps=10, warmup=0, lr=0.3)

    assert learning_rate(0, config) == 0.3
    assert learning_rate(10, config) == 0


def test_optimizer__only_matrices__decay():
    network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = make_optimizer(network, OptimConfig(lr=0.1, weight_decay=0.5))

    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()

    weight, *rest = network.parameters()
    torch.testing.assert_close(weight.detach(), before[0] * (1 - 0.1 * 0.5))
    assert all(torch.equal(now, old) for now, old in zip(rest, before[1:], strict=True))
