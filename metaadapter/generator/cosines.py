"""Cosines between the texts, class means and pictures of a task, and means over its class pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.canonical import CanonicalSupport


@dataclass(frozen=True, slots=True)
class Cosines:
    """Cosines between the texts, the class means and the pictures of T tasks.

    Cosines between pictures and texts are divided by the square root of `text_share_T`, so that
    blocks without texts do not make texts look worse.
    """

    classes_3TNN: Float[Tensor, "3 T N N"]
    """Texts against texts, means against means, and texts (rows) against means (columns)."""
    pairs_3TNN: Bool[Tensor, "3 T N N"]
    """True where both members of a pair exist."""
    to_text_TNKN: Float[Tensor, "T N K N"]
    """Pictures against texts."""
    to_mean_TNKN: Float[Tensor, "T N K N"]
    """Pictures against means; the mean of a picture's own class includes it."""
    length_TNK: Float[Tensor, "T N K"]
    """The lengths of the pictures."""

    @classmethod
    def of_support(cls, canonical: CanonicalSupport) -> Cosines:
        """Compute the cosines of a batch of tasks."""
        text_TND = normalize(canonical.text_TND, dim=-1)
        mean_TND = normalize(canonical.means_TND, dim=-1)
        shape = *canonical.shot_mask_TNK.shape, text_TND.shape[1]
        rows_TXD = canonical.shots_TNKD.flatten(1, 2)
        length_TNK = canonical.shots_TNKD.norm(dim=-1)
        length_TX1 = length_TNK.flatten(1)[..., None].clamp(min=1e-12)
        # Only the part of a picture that lies in blocks with texts should count here.
        seen_TND = text_TND / canonical.text_share_T.sqrt()[:, None, None]
        pairs = [(text_TND, text_TND), (mean_TND, mean_TND), (seen_TND, mean_TND)]
        texts_TN, means_TN = canonical.text_mask_TN, canonical.image_mask_TN
        rows_3TN = torch.stack([texts_TN, means_TN, texts_TN])
        columns_3TN = torch.stack([texts_TN, means_TN, means_TN])
        return cls(
            classes_3TNN=torch.stack([rows @ columns.mT for rows, columns in pairs]),
            pairs_3TNN=rows_3TN[..., None] & columns_3TN[:, :, None],
            to_text_TNKN=(rows_TXD @ seen_TND.mT / length_TX1).reshape(shape),
            to_mean_TNKN=(rows_TXD @ mean_TND.mT / length_TX1).reshape(shape),
            length_TNK=length_TNK,
        )


TINY = 1e-6


class ClassPairs:
    """Computes means of (…, T, N, N) values over the pairs of the classes that count."""

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
        """Return the off-diagonal values minus their mean, and zeros on the diagonal."""
        return (values - self.others(values)[..., None, None]) * self._other

    def size(self, centred: Tensor) -> Tensor:
        """Return the root mean square of centred values."""
        return (self.others(centred.square()) + TINY).sqrt()

    def own_after_margins(self, values: Tensor) -> Tensor:
        """Return mean diagonal / off-diagonal size, after subtracting row and column means."""
        pairs = self._own + self._other
        count = self._n_own[:, None, None]
        left = (values - (values * pairs).sum(2, keepdim=True) / count) * pairs
        left = (left - left.sum(1, keepdim=True) / count) * pairs
        return self.own(left) / self.size(left)


def without_itself(cosines: Tensor, total: Tensor) -> Tensor:
    """Return cosines of rows with the sum of a class minus the row; `total` is the sum's length."""
    along = cosines * total
    square = total.square() - 2 * along + 1
    without: Tensor = (along - 1) / square.clamp(min=1e-12).sqrt()
    return without


def participation_ratio(rows_TXD: Float[Tensor, "T X D"]) -> Float[Tensor, " T"]:
    """Return tr(G)² / ‖G‖² for the Gram matrix G: in how many directions the rows spread."""
    n_rows, width = rows_TXD.shape[1:]
    gram = rows_TXD @ rows_TXD.mT if n_rows <= width else rows_TXD.mT @ rows_TXD
    trace_T = gram.diagonal(dim1=1, dim2=2).sum(-1)
    # The norm of rows makes no copy, as the square of the matrix would.
    square_T: Tensor = gram.norm(dim=-1).square().sum(-1)
    return trace_T.square() / (square_T + TINY)
