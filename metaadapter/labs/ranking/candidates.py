"""Lower scores for candidates that are similar to many others."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from metaadapter.labs.ranking.exact_search import search
from metaadapter.labs.ranking.pair_adapter import N_NEIGHBOURS

# Half of the mean of either side, as in CSLS (Conneau et al., 2018).
WEIGHT = 0.5


def level_candidates(
    picture_rows: Float32[np.ndarray, "n width"], caption_rows: Float32[np.ndarray, "m width"]
) -> tuple[Float32[np.ndarray, "n width"], Float32[np.ndarray, "m width"]]:
    """Lower the scores of hubs: candidates that are similar to many of the others.

    Args:
        picture_rows: Rows from `PairAdapter.picture_rows` with `hubs=False`.
        caption_rows: Rows from `PairAdapter.caption_rows` with `hubs=False`.

    Returns:
        The rows of both. Their products are the scores less half the mean of the ten highest scores
        of the picture, and less half that of the caption.
    """
    pictures, captions = picture_rows.copy(), caption_rows.copy()
    pictures[:, -2] -= WEIGHT * search(picture_rows, caption_rows, N_NEIGHBOURS).scores.mean(1)
    captions[:, -1] -= WEIGHT * search(caption_rows, picture_rows, N_NEIGHBOURS).scores.mean(1)
    return pictures, captions
