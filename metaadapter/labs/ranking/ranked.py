"""Captions in order for each picture, and pictures in order for each caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from metaadapter.features.encoding_loop import Progress
from metaadapter.labs.ranking.candidates import level_candidates
from metaadapter.labs.ranking.captions import Captions, picture_key
from metaadapter.labs.ranking.exact_search import Found, search
from metaadapter.labs.ranking.pair_adapter import PairAdapter
from metaadapter.labs.ranking.pictures import Pictures
from metaadapter.workflow.predictions import Proportion

RECALL_AT = (1, 5, 10)
Recall = dict[int, Proportion]
"""Of questions that have a correct answer, how many have one among the first so many."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best answers, both ways."""

    of_pictures: Found
    """The numbers of captions for each picture."""
    of_captions: Found
    """The numbers of pictures for each caption."""


def rank(
    picture_rows: Float32[np.ndarray, "n width"],
    caption_rows: Float32[np.ndarray, "m width"],
    k: int,
) -> Ranked:
    """The `k` best captions of each picture and pictures of each caption, by the rows' products."""
    return Ranked(
        search(picture_rows, caption_rows, k),
        search(caption_rows, picture_rows, k),
    )


def scoring_rows(
    adapter: PairAdapter,
    pictures: Pictures,
    captions: Float32[np.ndarray, "m dim"],
    *,
    together: bool,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Float32[np.ndarray, "n width"], Float32[np.ndarray, "m width"]]:
    """Rows of pictures and captions, whose products are the scores.

    `together` levels hubs among these pictures and captions, in place of those among the pairs; the
    adapter was then fitted with their means.
    """
    blocks = pictures.blocks(progress)
    picture_rows = np.concatenate(
        [adapter.picture_rows(block, hubs=not together) for block in blocks]
    )
    caption_rows = adapter.caption_rows(captions, hubs=not together)
    if together:
        return level_candidates(picture_rows, caption_rows)
    return picture_rows, caption_rows


def recall_of(
    ranked: Ranked, pictures: Pictures, captions: Captions
) -> tuple[Recall, Recall] | None:
    """The recall of captions for pictures, and of pictures for captions.

    A picture has every caption that a manifest gives it, and a caption every picture that has it.
    `None` where no picture is known to have one of the captions.

    Args:
        ranked: Lists of at least ten, or of all there are.
        pictures: In the order in which they were ranked.
        captions: The same of captions.
    """
    numbers = {text: number for number, text in enumerate(captions.texts)}
    keys = map(picture_key, pictures.paths, pictures.boxes)
    of_pictures = {
        number: {numbers[text] for text in captions.of_pictures.get(key, ()) if text in numbers}
        for number, key in enumerate(keys)
    }
    of_captions: dict[int, set[int]] = {}
    for picture, told in of_pictures.items():
        for caption in told:
            of_captions.setdefault(caption, set()).add(picture)
    if not of_captions:
        return None
    return (
        _recall(ranked.of_pictures, of_pictures),
        _recall(ranked.of_captions, of_captions),
    )


def _recall(found: Found, correct: Mapping[int, set[int]]) -> Recall:
    places = [
        next(
            (place for place, row in enumerate(found.rows[question].tolist()) if row in rows), None
        )
        for question, rows in correct.items()
        if rows
    ]
    return {
        k: Proportion(sum(place is not None and place < k for place in places), len(places))
        for k in RECALL_AT
    }
