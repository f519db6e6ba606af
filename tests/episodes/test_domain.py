from __future__ import annotations

import pytest
import torch

from episodes.domain import change


class OnGpu(torch.Tensor):
    """A tensor in this machine's memory that says it is on a GPU."""

    device = torch.device("cuda")


@pytest.mark.parametrize("chosen", [[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
@pytest.mark.parametrize("kind", [torch.Tensor, OnGpu], ids=["CPU", "GPU"])
def test_change__chosen_tasks__are_those_of_a_loop(draw, chosen, kind):
    before_TXD = torch.randn(4, 3, 5, generator=draw)
    factor_T11 = torch.rand(4, 1, 1, generator=draw) + 2
    rows_TXD = before_TXD.clone().as_subclass(kind)

    change(
        rows_TXD,
        torch.tensor(chosen).bool()[:, None, None],
        lambda rows, tasks: rows * factor_T11[tasks],
    )

    for task, is_chosen in enumerate(chosen):
        expected = before_TXD[task] * factor_T11[task] if is_chosen else before_TXD[task]
        assert torch.equal(rows_TXD.as_subclass(torch.Tensor)[task], expected)
