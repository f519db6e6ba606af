"""The gradient steps of adapters inside an image tower."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from metaadapter.labs.tuning.left_out_heads import IN_NONE, folds
from metaadapter.labs.tuning.tuning_task import TuningTask

N_FOLDS = 4
BATCH = 32
# The adapters behind the tower are predicted anew as it changes.
STEPS_PER_PREDICTION = 20
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class StepSettings:
    """How many steps are taken, and how."""

    n_steps: int
    """The learning rate rises at first, and then falls along a cosine to the last of them."""
    seed: int
    """That of the batches and of the looks."""
    lr: float = 1e-3
    weight_decay: float = 0.05


def take_steps(
    task: TuningTask,
    learned: Int[Tensor, " m"],
    parameters: Sequence[nn.Parameter],
    settings: StepSettings,
) -> Iterator[int]:
    """Train parameters of the tower that pictures are seen through; each step's number is given.

    The loss of a look at a picture is the cross-entropy of what an adapter says of it that the
    generator predicted from the pictures of other folds. One that was predicted from the picture
    itself would know it by heart, as a trained head would, and the tower had nothing to learn.

    Args:
        task: The pictures, seen through the tower.
        learned: The numbers of the pictures to learn from.
        parameters: What is trained.
        settings: How the steps go.
    """
    looks, labels = task.looks, task.labels_n
    fold = torch.full_like(labels, IN_NONE)
    fold[learned] = folds(labels[learned], N_FOLDS)
    asked = (fold >= 0).nonzero()[:, 0]
    if not len(asked):
        return
    draw = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(settings.n_steps))
    current = task.left_out_heads(task.rows_before, fold)
    waiting = asked[:0]
    for step in range(settings.n_steps):
        if step and step % STEPS_PER_PREDICTION == 0:
            current = task.left_out_heads(looks.rows(), fold)
        while len(waiting) < min(BATCH, len(asked)):
            waiting = torch.cat([waiting, asked[torch.randperm(len(asked), generator=draw)]])
        some, waiting = waiting[:BATCH], waiting[BATCH:]
        with torch.enable_grad():
            logits = current.logits(looks.drawn(some, draw), some)
            loss = cross_entropy(logits, labels[some])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        yield step + 1


def _rate(n_steps: int) -> Callable[[int], float]:
    """The factor of the learning rate at each step."""
    warm = max(1, round(WARM_UP * n_steps))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / n_steps))

    return rate
