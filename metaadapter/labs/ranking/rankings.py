"""Rank captions for each picture, and pictures for each caption, by exact search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int

from metaadapter.labs.ranking.captions import Captions, PictureKey
from metaadapter.labs.ranking.pair_adapter import N_NEIGHBOURS
from metaadapter.workflow.accuracy import Proportion

# The number of products in memory at a time: 64 MB.
PRODUCTS_AT_ONCE = 2**24

# The weight of a picture's or a caption's mean of high scores, as in CSLS (Conneau et al., 2018).
WEIGHT = 0.5
MARGIN = 1e-3
RECALL_AT = (1, 5, 10)
Recall = dict[int, Proportion]
"""k → the fraction of queries with a correct candidate among the first k."""


class Matches(NamedTuple):
    """The best rows for each query, the best first."""

    rows: Int[np.ndarray, "queries k"]
    scores: Float32[np.ndarray, "queries k"]


def search(
    queries: Float32[np.ndarray, "queries width"],
    rows: Float32[np.ndarray, "n width"],
    k: int,
) -> Matches:
    """Find the `k` rows with the highest products with each query, or all if there are fewer.

    Nothing is approximated. The search takes as long as reading the rows: about 20 milliseconds
    for 100,000 rows, 600 wide.

    Args:
        queries: Rows of captions, from `PairAdapter.caption_rows`, or of pictures.
        rows: Rows of pictures, from `PairAdapter.picture_rows`, or of captions.
        k: The number of rows to find for each query.
    """
    numbers = torch.empty(len(queries), 0, dtype=torch.long)
    scores = torch.empty(len(queries), 0)
    size = max(k, PRODUCTS_AT_ONCE // max(1, len(queries)))
    for start in range(0, len(rows), size):
        # A product of a large matrix with few vectors is faster in this order.
        products = torch.from_numpy(rows[start : start + size] @ queries.T).T
        best, columns = products.topk(min(k, products.shape[1]))
        scores, numbers = torch.cat([scores, best], 1), torch.cat([numbers, columns + start], 1)
        scores, order = scores.topk(min(k, scores.shape[1]))
        numbers = numbers.gather(1, order)
    return Matches(numbers.numpy(), scores.numpy())


class Rankings(NamedTuple):
    """The best captions for each picture, and the best pictures for each caption."""

    of_pictures: Matches
    """For each picture, the numbers and the scores of captions."""
    of_captions: Matches


def rank(
    picture_rows: Float32[np.ndarray, "n width"],
    caption_rows: Float32[np.ndarray, "m width"],
    k: int,
) -> Rankings:
    """Return the `k` best captions for each picture and pictures for each caption, by products."""
    of_pictures = search(picture_rows, caption_rows, k)
    return Rankings(of_pictures, search(caption_rows, picture_rows, k))


def level_candidates(
    picture_rows: Float32[np.ndarray, "n width"], caption_rows: Float32[np.ndarray, "m width"]
) -> tuple[Float32[np.ndarray, "n width"], Float32[np.ndarray, "m width"]]:
    """Lower the scores of hubs: pictures similar to many captions, captions to many pictures.

    Args:
        picture_rows: Rows from `PairAdapter.picture_rows` with `hubs=False`.
        caption_rows: Rows from `PairAdapter.caption_rows` with `hubs=False`.

    Returns:
        The rows of both. Their products are the scores minus half the mean of the picture's ten
        highest scores, minus half the mean of the caption's ten highest scores.
    """
    pictures, captions = picture_rows.copy(), caption_rows.copy()
    pictures[:, -2] -= WEIGHT * search(picture_rows, caption_rows, N_NEIGHBOURS).scores.mean(1)
    captions[:, -1] -= WEIGHT * search(caption_rows, picture_rows, N_NEIGHBOURS).scores.mean(1)
    return pictures, captions


def lead_of_pairs(
    picture_rows: Float32[np.ndarray, "n width"],
    caption_rows: Float32[np.ndarray, "m width"],
    of_pairs: Bool[np.ndarray, " m"],
) -> Float32[np.ndarray, " n"]:
    """Return for each picture the best score of captions of pairs minus that of new captions."""
    best = [search(picture_rows, caption_rows[kind], 1).scores for kind in (of_pairs, ~of_pairs)]
    return np.asarray((best[0] - best[1])[:, 0])


def balance_kinds(
    picture_rows: Float32[np.ndarray, "n width"],
    caption_rows: Float32[np.ndarray, "m width"],
    of_pairs: Bool[np.ndarray, " m"],
    frozen_lead: Float32[np.ndarray, " n"],
) -> Float32[np.ndarray, "m width"]:
    """Return rows of captions that give as many pictures a new caption as the frozen encoder does.

    One amount is added to the scores of all captions of pairs, so the order within either kind of
    captions stays, and that of pictures for a caption.

    Args:
        picture_rows: Rows of pictures, whose column before the last is their level.
        caption_rows: Rows of captions of both kinds, whose last column is their level.
        of_pairs: Whether each caption is a caption of a pair.
        frozen_lead: The `lead_of_pairs` of each picture with the frozen encoder.
    """
    leads = np.sort(lead_of_pairs(picture_rows, caption_rows, of_pairs))
    n_new = int((frozen_lead <= 0).sum())
    below, above = leads[max(n_new - 1, 0)], leads[min(n_new, len(leads) - 1)]
    # Outside of all leads, the amount is this much beyond the nearest one.
    beyond = MARGIN * ((n_new == len(leads)) - int(n_new == 0))
    rows = caption_rows.copy()
    rows[of_pairs, -1] -= (below + above) / 2 + beyond
    return rows


def recall_of(
    rankings: Rankings, pictures: Sequence[PictureKey], captions: Captions
) -> tuple[Recall, Recall] | None:
    """Return the recall of captions and of pictures at 1, 5 and 10; `None` if no pair is known."""
    numbers = {text: number for number, text in enumerate(captions.texts)}
    captions_of = {
        number: {numbers[text] for text in captions.of_pictures.get(key, ()) if text in numbers}
        for number, key in enumerate(pictures)
    }
    pictures_of = defaultdict[int, set[int]](set)
    for picture, correct in captions_of.items():
        for caption in correct:
            pictures_of[caption].add(picture)
    if not pictures_of:
        return None
    return _recall(rankings.of_pictures, captions_of), _recall(rankings.of_captions, pictures_of)


def _recall(matches: Matches, correct: Mapping[int, set[int]]) -> Recall:
    places = [
        next((place for place, row in enumerate(matches.rows[query].tolist()) if row in rows), None)
        for query, rows in correct.items()
        if rows
    ]
    return {
        k: Proportion(sum(place is not None and place < k for place in places), len(places))
        for k in RECALL_AT
    }
