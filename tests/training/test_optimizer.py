from __future__ import annotations

import pytest
import torch
from torch import nn

from metaadapter.training.optimizer import make_optimizer, rate_of_step


# Older torch warns of how its own SequentialLR calls the scheduler that comes next.
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_rate_of_step__are_those_of_torch_s_own_line_and_cosine():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=9)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[10])

    for step in range(51):
        assert 0.3 * rate_of_step(step, 50) == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=1e-12
        )
        optimizer.step()
        both.step()


def test_optimizer__only_matrices__decay():
    network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = make_optimizer(network, 0.1)

    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()

    weight, *rest = network.parameters()
    torch.testing.assert_close(weight.detach(), before[0] * (1 - 0.1 * 0.01))
    assert all(torch.equal(now, old) for now, old in zip(rest, before[1:], strict=True))
