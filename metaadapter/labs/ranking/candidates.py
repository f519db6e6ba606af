"""What the candidates themselves tell: how alike each is to all others that are asked about."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from metaadapter.labs.ranking.exact_search import search
from metaadapter.labs.ranking.pair_adapter import N_NEIGHBOURS

# Half of either side's mean, as in CSLS (Conneau et al., 2018).
WEIGHT = 0.5


def level_candidates(
    picture_rows: Float32[np.ndarray, "n width"], caption_rows: Float32[np.ndarray, "m width"]
) -> tuple[Float32[np.ndarray, "n width"], Float32[np.ndarray, "m width"]]:
    """Lower the scores of hubs among the candidates: those that are alike to many of the others.

    Args:
        picture_rows: Rows of pictures, as `PairAdapter.picture_rows` makes them without hubs.
        caption_rows: Rows of captions, made in the same way.

    Returns:
        The rows of both, whose products are the scores less half the mean of the ten highest
        scores of the picture, and less half that of the caption.
    """
    pictures, captions = picture_rows.copy(), caption_rows.copy()
    pictures[:, -2] -= WEIGHT * search(picture_rows, caption_rows, N_NEIGHBOURS).scores.mean(1)
    captions[:, -1] -= WEIGHT * search(caption_rows, picture_rows, N_NEIGHBOURS).scores.mean(1)
    return pictures, captions
