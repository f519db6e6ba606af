"""Adapters for the pictures that they are not predicted from, one for each fold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.adapter_generator import AdapterGenerator

IN_ALL, IN_NONE = -1, -2
"""In place of a fold: the picture is in the support of every adapter, or of none."""


@dataclass(frozen=True, slots=True)
class LeftOutHeads:
    """For each fold of pictures, the adapter predicted from the pictures of all other folds."""

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
        """Predict the adapters of all folds.

        Args:
            generator: The generator.
            support: The single task of the pictures; its features may be of another tower.
            rows: Unit rows of the pictures, class by class.
            fold: The fold of each picture, from `folds`, or `IN_ALL` or `IN_NONE`.
        """
        (present_NK,) = support.present_TNK
        rows_NKD, fold_NK = support.support_TNKD[0].clone(), present_NK.long()
        rows_NKD[present_NK], fold_NK[present_NK] = rows.to(rows_NKD), fold
        kept_TNK = torch.stack(
            [(fold_NK != number) & (fold_NK != IN_NONE) for number in range(int(fold.max()) + 1)]
        )
        task = replace(support, support_TNKD=rows_NKD[None])
        many = task.repeated(len(kept_TNK)).kept(kept_TNK).to(device=generator.device)
        weights = generator.predict(many.exact)
        return cls(weights.to(device=rows.device, dtype=rows.dtype), fold)

    def logits(
        self, rows: Float[Tensor, "b D"], pictures: Int[Tensor, " b"]
    ) -> Float[Tensor, "b N"]:
        """The logits of rows of some pictures, by the adapter without the picture's fold.

        Differentiable in the rows.
        """
        logits_TbN = classify(rows.expand(len(self.weights.classes), *rows.shape), self.weights)
        return logits_TbN[self.fold_n[pictures], torch.arange(len(rows))]


def folds(labels: Int[Tensor, " n"], n_folds: int) -> Int[Tensor, " n"]:
    """Divide the pictures of each class among folds.

    The only picture of a class is `IN_ALL`, because without it the class would be unknown.
    """
    fold = torch.full_like(labels, IN_ALL)
    for label in set(labels.tolist()):
        members = (labels == label).nonzero()[:, 0]
        if len(members) > 1:
            fold[members] = torch.arange(len(members)) % n_folds
    return fold
