"""The gradient steps that train adapters inside an image tower."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from metaadapter.labs.tuning.tuning_task import IN_NONE, LeftOutHeads, TuningTask, folds

N_FOLDS = 4
BATCH = 32
# The adapters of the task are predicted again after this many steps, because the tower changes.
STEPS_PER_PREDICTION = 20
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class StepSettings:
    """The number and the settings of gradient steps."""

    n_steps: int
    """The learning rate rises at first, then falls along a cosine to the last step."""
    seed: int
    lr: float = 1e-3
    weight_decay: float = 0.05


def take_steps(
    task: TuningTask,
    learned: Int[Tensor, " m"],
    parameters: Sequence[nn.Parameter],
    settings: StepSettings,
) -> Iterator[int]:
    """Train parameters of the tower that encodes the pictures, and yield the number of each step.

    The loss of a picture is its cross-entropy under an adapter predicted from the other folds: an
    adapter predicted from the picture itself would have memorized it, and would teach nothing.
    """
    looks, labels = task.looks, task.labels_n
    fold = torch.full_like(labels, IN_NONE)
    fold[learned] = folds(labels[learned], N_FOLDS)
    queries = (fold >= 0).nonzero()[:, 0]
    if not len(queries):
        return
    draw = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(settings.n_steps))
    heads = LeftOutHeads.predict(task.generator, task.support, task.rows_before, fold)
    waiting = queries[:0]
    for step in range(settings.n_steps):
        if step and step % STEPS_PER_PREDICTION == 0:
            heads = LeftOutHeads.predict(task.generator, task.support, looks.rows(), fold)
        while len(waiting) < min(BATCH, len(queries)):
            order = torch.randperm(len(queries), generator=draw)
            waiting = torch.cat([waiting, queries[order]])
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        with torch.enable_grad():
            logits = heads.logits(looks.drawn(batch, draw), batch)
            loss = cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        yield step + 1


def _rate(n_steps: int) -> Callable[[int], float]:
    """Return the factor on the learning rate at each step: a warm-up, then a cosine."""
    warm = max(1, round(WARM_UP * n_steps))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / n_steps))

    return rate
