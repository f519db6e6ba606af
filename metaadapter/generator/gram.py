"""The inner products of a support set: all that the network ever sees of its features."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.canonical import CanonicalSupport

__all__ = ["GramBlocks"]


@dataclass(frozen=True, slots=True)
class GramBlocks:
    """Cosines between the texts, the class means and the pictures of a task, each computed once."""

    text_TNN: Float[Tensor, "T N N"]
    mean_TNN: Float[Tensor, "T N N"]
    cross_TNN: Float[Tensor, "T N N"]
    """`[t, c, d]`: the text of c against the mean of d."""
    to_text_TNKN: Float[Tensor, "T N K N"]
    """Each picture against each text."""
    to_mean_TNKN: Float[Tensor, "T N K N"]
    """Each picture against each mean; its own class's mean includes it."""
    text_pairs_TNN: Bool[Tensor, "T N N"]
    """Which entries of `text_TNN` are about two texts that are there; likewise below."""
    mean_pairs_TNN: Bool[Tensor, "T N N"]
    cross_pairs_TNN: Bool[Tensor, "T N N"]

    @classmethod
    def of_support(cls, support: CanonicalSupport) -> GramBlocks:
        """The blocks of a batch of tasks."""
        text_TND = normalize(support.text_TND, dim=-1)
        mean_TND = normalize(support.means_TND, dim=-1)
        shape = *support.shot_mask_TNK.shape, text_TND.shape[1]
        rows_TXD = normalize(support.shots_TNKD, dim=-1).flatten(1, 2)
        texts_TN, means_TN = support.text_mask_TN, support.shot_mask_TNK.any(-1)
        return cls(
            text_TNN=text_TND @ text_TND.mT,
            mean_TNN=mean_TND @ mean_TND.mT,
            cross_TNN=text_TND @ mean_TND.mT,
            to_text_TNKN=(rows_TXD @ text_TND.mT).reshape(shape),
            to_mean_TNKN=(rows_TXD @ mean_TND.mT).reshape(shape),
            text_pairs_TNN=texts_TN[:, :, None] & texts_TN[:, None],
            mean_pairs_TNN=means_TN[:, :, None] & means_TN[:, None],
            cross_pairs_TNN=texts_TN[:, :, None] & means_TN[:, None],
        )
