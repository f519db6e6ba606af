from __future__ import annotations

import pytest
import torch
from torch import nn

from metaadapter.training.optimizer import make_optimizer, make_schedule


def rates(n_steps, lr=0.3):
    """The rate of each step and, as the last one, that after all of them."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = make_schedule(optimizer, n_steps)
    result = [optimizer.param_groups[0]["lr"]]
    for _ in range(n_steps):
        optimizer.step()
        schedule.step()
        result.append(optimizer.param_groups[0]["lr"])
    return result


# Older torch warns of how its own SequentialLR calls the scheduler that comes next.
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_schedule__rates__are_those_of_torch_s_own_line_and_cosine():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=9)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[10])

    for rate in rates(50):
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
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
