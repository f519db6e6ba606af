"""Adapters that can be asked about the pictures which they were not predicted from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.adapter_generator import AdapterGenerator

IN_ALL, IN_NONE = -1, -2
"""In place of a fold: a picture that every adapter is predicted from, and one that none is."""


@dataclass(frozen=True, slots=True)
class LeftOutHeads:
    """For each fold of pictures the adapter that is predicted from those of all others."""

    weights: AdapterWeights
    """One task for each fold."""
    fold_n: Int[Tensor, " n"]

    @classmethod
    def predict(
        cls,
        generator: AdapterGenerator,
        support: Support,
        rows: Float[Tensor, "n D"],
        fold: Int[Tensor, " n"],
    ) -> LeftOutHeads:
        """Predict them.

        Args:
            generator: What predicts them.
            support: The one task of these pictures; its features may be of another tower.
            rows: Unit rows of the pictures, class by class.
            fold: That of each picture, as `folds` gives it, or `IN_ALL`, or `IN_NONE`.
        """
        (there_NK,) = support.present_TNK
        rows_NKD, fold_NK = support.support_TNKD[0].clone(), there_NK.long()
        rows_NKD[there_NK], fold_NK[there_NK] = rows.to(rows_NKD), fold
        kept_TNK = torch.stack(
            [(fold_NK != it) & (fold_NK != IN_NONE) for it in range(int(fold.max()) + 1)]
        )
        task = replace(support, support_TNKD=rows_NKD[None])
        many = task.repeated(len(kept_TNK)).kept(kept_TNK).to(device=generator.device)
        weights = generator.predict(many.exact)
        return cls(weights.to(device=rows.device, dtype=rows.dtype), fold)

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
    for label in set(labels.tolist()):
        own = (labels == label).nonzero()[:, 0]
        if len(own) > 1:
            found[own] = torch.arange(len(own)) % n_folds
    return found
