"""Means over the pairs of classes of a task."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

TINY = 1e-6


class ClassPairs:
    """Means of (…, T, N, N) values over the pairs of those classes that count."""

    def __init__(self, counts_TN: Float[Tensor, "T N"]) -> None:
        self._own = torch.diag_embed(counts_TN)
        self._other = counts_TN[:, :, None] * counts_TN[:, None] - self._own
        self._n_own = self._own.sum((1, 2)).clamp(min=1)
        self._n_other = self._other.sum((1, 2)).clamp(min=1)

    def own(self, values: Tensor) -> Tensor:
        """Return the mean over the pairs of a class with itself."""
        return (values * self._own).sum((-2, -1)) / self._n_own

    def others(self, values: Tensor) -> Tensor:
        """Return the mean over the pairs of different classes."""
        return (values * self._other).sum((-2, -1)) / self._n_other

    def centred(self, values: Tensor) -> Tensor:
        """Return the values off the diagonal, less their mean."""
        return (values - self.others(values)[..., None, None]) * self._other

    def size(self, centred: Tensor) -> Tensor:
        """Return the root mean square of centred values."""
        return (self.others(centred.square()) + TINY).sqrt()

    def own_after_margins(self, values: Tensor) -> Tensor:
        """Return the mean of the diagonal over the size of the rest, without row and column means.

        The mean of each row, then of each column, is subtracted first.
        """
        pairs = self._own + self._other
        count = self._n_own[:, None, None]
        left = (values - (values * pairs).sum(2, keepdim=True) / count) * pairs
        left = (left - left.sum(1, keepdim=True) / count) * pairs
        return self.own(left) / self.size(left)


def participation_ratio(rows_TXD: Float[Tensor, "T X D"]) -> Float[Tensor, " T"]:
    """Return tr(G)² / ‖G‖² of the Gram matrix G: how many directions the rows spread over."""
    n_rows, width = rows_TXD.shape[1:]
    gram = rows_TXD @ rows_TXD.mT if n_rows <= width else rows_TXD.mT @ rows_TXD
    trace_T = rows_TXD.square().sum((1, 2))
    return trace_T.square() / (gram.square().sum((1, 2)) + TINY)
