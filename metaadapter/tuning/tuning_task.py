"""A task whose tower is tuned: its pictures as they are seen through the tower by now."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support, classify
from metaadapter.generator import AdapterGenerator
from metaadapter.tuning.picture_looks import PictureLooks

__all__ = ["IN_ALL", "IN_NONE", "LeftOutHeads", "TuningTask", "folds"]

IN_ALL, IN_NONE = -1, -2
"""In place of a fold: a picture that every adapter is predicted from, and one that none is."""


@dataclass(frozen=True, slots=True)
class TuningTask:
    """The labelled pictures of one task, class by class, and what predicts adapters from them."""

    looks: PictureLooks
    support: Support
    """The task as it was before any training."""
    labels_n: Int[Tensor, " n"]
    generator: AdapterGenerator

    def left_out_heads(self, rows: Float[Tensor, "n D"], fold: Int[Tensor, " n"]) -> LeftOutHeads:
        """For each fold the adapter that is predicted from the pictures of all others.

        Args:
            rows: Unit rows of the pictures as they are seen by now.
            fold: That of each picture, as `folds` gives it, or `IN_ALL`, or `IN_NONE`.
        """
        (there_NK,) = self.support.present_TNK
        rows_NKD, fold_NK = self.support.support_TNKD[0].clone(), there_NK.long()
        rows_NKD[there_NK], fold_NK[there_NK] = rows.to(rows_NKD), fold
        kept_TNK = torch.stack(
            [(fold_NK != it) & (fold_NK != IN_NONE) for it in range(int(fold.max()) + 1)]
        )
        task = replace(self.support, support_TNKD=rows_NKD[None])
        many = task.repeated(len(kept_TNK)).kept(kept_TNK).to(device=self.generator.device)
        weights = self.generator.predict(many.exact)
        return LeftOutHeads(weights.to(device=rows.device, dtype=rows.dtype), fold)


@dataclass(frozen=True, slots=True)
class LeftOutHeads:
    """Adapters that can be asked about the pictures which they were not predicted from."""

    weights: AdapterWeights
    """One task for each fold."""
    fold_n: Int[Tensor, " n"]

    def logits(
        self, rows: Float[Tensor, "b D"], pictures: Int[Tensor, " b"]
    ) -> Float[Tensor, "b N"]:
        """What is said of rows, each of one of these pictures, by the adapter without its fold.

        It is differentiable in the rows.
        """
        every_TbN = classify(rows.expand(len(self.weights.classes), *rows.shape), self.weights)
        return every_TbN[self.fold_n[pictures], torch.arange(len(rows))]


def folds(labels: Int[Tensor, " n"], n_folds: int) -> Int[Tensor, " n"]:
    """Divide the pictures of each class among folds.

    One that is alone in its class is `IN_ALL`: without it nothing would be known of the class.
    """
    found = torch.full_like(labels, IN_ALL)
    for label in labels.unique():
        own = (labels == label).nonzero()[:, 0]
        if len(own) > 1:
            found[own] = torch.arange(len(own)) % n_folds
    return found
