"""Cosines between the texts, the class means and the pictures of a task."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.generator.canonical import CanonicalSupport


@dataclass(frozen=True, slots=True)
class Cosines:
    """Cosines between the texts, the class means and the pictures of T tasks, computed once.

    Cosines of a picture with a text are divided by the root of `text_share_T`, so that blocks
    without texts do not make texts look worse.
    """

    classes_3TNN: Float[Tensor, "3 T N N"]
    """Texts against texts, means against means, and texts (rows) against means (columns)."""
    pairs_3TNN: Bool[Tensor, "3 T N N"]
    """True for entries whose two members exist."""
    to_text_TNKN: Float[Tensor, "T N K N"]
    """Pictures against texts."""
    to_mean_TNKN: Float[Tensor, "T N K N"]
    """Pictures against means; the mean of a picture's own class includes it."""

    @classmethod
    def of_support(cls, support: CanonicalSupport) -> Cosines:
        """Compute the cosines of a batch of tasks."""
        text_TND = normalize(support.text_TND, dim=-1)
        mean_TND = normalize(support.means_TND, dim=-1)
        shape = *support.shot_mask_TNK.shape, text_TND.shape[1]
        rows_TXD = support.shots_TNKD.flatten(1, 2)
        length_TX1 = rows_TXD.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        # Against a text, a picture is as long as its share in the blocks with texts.
        seen_TND = text_TND / support.text_share_T.sqrt()[:, None, None]
        pairs = [(text_TND, text_TND), (mean_TND, mean_TND), (seen_TND, mean_TND)]
        texts_TN, means_TN = support.text_mask_TN, support.image_mask_TN
        rows_3TN = torch.stack([texts_TN, means_TN, texts_TN])
        columns_3TN = torch.stack([texts_TN, means_TN, means_TN])
        return cls(
            classes_3TNN=torch.stack([rows @ columns.mT for rows, columns in pairs]),
            pairs_3TNN=rows_3TN[..., None] & columns_3TN[:, :, None],
            to_text_TNKN=(rows_TXD @ seen_TND.mT / length_TX1).reshape(shape),
            to_mean_TNKN=(rows_TXD @ mean_TND.mT / length_TX1).reshape(shape),
        )
