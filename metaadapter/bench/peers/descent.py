"""Gradient descent on many independent tasks at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.data.training_steps import counted


def descend(
    loss_T: Callable[[], Float[Tensor, " T"] | Iterable[Float[Tensor, " T"]]],
    optimizer: torch.optim.Optimizer,
    n_steps: int,
    *,
    cosine: bool = False,
) -> None:
    """Take `n_steps` full-batch steps, which change the optimizer's tensors in place.

    The loss is the sum of the tasks' losses. If `loss_T` yields the losses of several parts of the
    pictures, they are summed as well, and only one part needs memory at a time. Each task has
    weights of its own, and SGD and Adam work element by element, so the result is the same as if
    each task were trained by itself. With `cosine`, the learning rate falls to zero along a cosine.
    """
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps) if cosine else None
    with torch.enable_grad():
        for _ in counted(n_steps):
            optimizer.zero_grad()
            losses = loss_T()
            for part_T in (losses,) if isinstance(losses, Tensor) else losses:
                part_T.sum().backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
