"""The task for which a tower is trained, and the steps that learn it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.labs.adapted_tower import AdaptedTower

IN_ALL, IN_NONE = -1, -2
"""In place of a fold: the picture is in the support of every adapter, or of none."""

N_FOLDS = 4
BATCH = 32
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 1e-3, 0.05, 0.1
# The adapters of the task are predicted again after this many steps, because the tower changes.
STEPS_PER_PREDICTION = 20


def folds(labels: Int[Tensor, " n"], n_folds: int) -> Int[Tensor, " n"]:
    """Divide the pictures of each class among folds; a class's only picture gets `IN_ALL`."""
    fold = torch.full_like(labels, IN_ALL)
    for label in set(labels.tolist()):
        members = (labels == label).nonzero()[:, 0]
        if len(members) > 1:
            fold[members] = torch.arange(len(members)) % n_folds
    return fold


@dataclass(frozen=True, slots=True)
class TuningTask:
    """The labelled pictures of one task, class by class, and the generator of its adapters."""

    tower: AdaptedTower
    support: Support
    """The task before any training."""
    labels_n: Int[Tensor, " n"]
    generator: AdapterGenerator

    @property
    def rows_before(self) -> Float[Tensor, "n D"]:
        """Unit rows of the pictures before any training."""
        return self.support.labelled_rows()[0]

    def left_out_adapters(
        self, rows: Float[Tensor, "n D"], fold: Int[Tensor, " n"]
    ) -> AdapterWeights:
        """Predict an adapter for each fold from the pictures of all others: a task for a fold."""
        (present_NK,) = self.support.present_TNK
        rows_NKD, fold_NK = self.support.support_TNKD[0].clone(), present_NK.long()
        rows_NKD[present_NK], fold_NK[present_NK] = rows.to(rows_NKD), fold
        kept_TNK = torch.stack(
            [(fold_NK != number) & (fold_NK != IN_NONE) for number in range(int(fold.max()) + 1)]
        )
        task = replace(self.support, support_TNKD=rows_NKD[None])
        many = task.repeated(len(kept_TNK)).kept(kept_TNK).to(device=self.generator.device)
        weights = self.generator.predict(many.exact)
        return weights.to(device=rows.device, dtype=rows.dtype)

    def steps(self, learned: Int[Tensor, " m"], n_steps: int, seed: int) -> Iterator[int]:
        """Train the tower on the learned pictures, and yield the number of each step.

        The loss of a picture is its cross-entropy under an adapter predicted from the other folds:
        an adapter predicted from the picture itself would have memorized it, and would teach
        nothing. The learning rate rises at first, then falls along a cosine to the last step.
        """
        tower, labels = self.tower, self.labels_n
        fold = torch.full_like(labels, IN_NONE)
        fold[learned] = folds(labels[learned], N_FOLDS)
        queries = (fold >= 0).nonzero()[:, 0]
        if not len(queries):
            return
        draw = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(tower.parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(n_steps))
        adapters = self.left_out_adapters(self.rows_before, fold)
        waiting = queries[:0]
        for step in range(n_steps):
            if step and step % STEPS_PER_PREDICTION == 0:
                adapters = self.left_out_adapters(tower.rows(), fold)
            while len(waiting) < min(BATCH, len(queries)):
                order = torch.randperm(len(queries), generator=draw)
                waiting = torch.cat([waiting, queries[order]])
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            with torch.enable_grad():
                logits = left_out_logits(adapters, tower.drawn(batch, draw), fold[batch])
                loss = cross_entropy(logits, labels[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            yield step + 1


def left_out_logits(
    adapters: AdapterWeights, rows: Float[Tensor, "b D"], fold: Int[Tensor, " b"]
) -> Float[Tensor, "b N"]:
    """Return the logits of pictures from the adapter without their fold, with gradients."""
    logits_TbN = classify(rows.expand(len(adapters.classes), *rows.shape), adapters)
    return logits_TbN[fold, torch.arange(len(rows))]


def _rate(n_steps: int) -> Callable[[int], float]:
    """Return the factor on the learning rate at each step: a warm-up, then a cosine."""
    warm = max(1, round(WARM_UP * n_steps))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / n_steps))

    return rate
