"""The rows with the highest products: exact, a block of rows at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int

# Products that are held at a time: 64 MB.
PRODUCTS_AT_ONCE = 2**24


class Found(NamedTuple):
    """The best rows of each question, best first.

    Of two alike the earlier row comes first.
    """

    rows: Int[np.ndarray, "questions k"]
    scores: Float32[np.ndarray, "questions k"]


def search(
    questions: Float32[np.ndarray, "questions width"],
    rows: Float32[np.ndarray, "n width"],
    k: int,
) -> Found:
    """Find the `k` rows with the highest products with each question, or all where there are fewer.

    Nothing is approximated. It takes as long as it takes to read the rows: 100,000 of them, 600
    wide, some 20 milliseconds.

    Args:
        questions: Rows of captions, as `PairAdapter.caption_rows` makes them, or of pictures.
        rows: Rows of pictures, as `PairAdapter.picture_rows` makes them, or of captions.
        k: How many are wanted.
    """
    k = min(k, len(rows))
    best = Found(np.empty((len(questions), 0), np.int64), np.empty((len(questions), 0), np.float32))
    size = max(k, PRODUCTS_AT_ONCE // max(1, len(questions)))
    for start in range(0, len(rows), size):
        # The rows stand first: a product of a large matrix with few vectors runs faster so.
        products = (rows[start : start + size] @ questions.T).T
        best = _best_of(best, products, start, k)
    return best


def _best_of(best: Found, products: Float32[np.ndarray, "q m"], start: int, k: int) -> Found:
    """The best of what was found before and of a further block."""
    columns = np.argpartition(-products, min(k, products.shape[1]) - 1, axis=1)[:, :k]
    # What is as good as the last that was taken may lie at an earlier place.
    columns = _earliest(products, columns)
    rows = np.concatenate([best.rows, columns + start], axis=1)
    scores = np.concatenate([best.scores, np.take_along_axis(products, columns, 1)], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return Found(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))


def _earliest(
    products: Float32[np.ndarray, "q m"], columns: Int[np.ndarray, "q k"]
) -> Int[np.ndarray, "q k"]:
    """The chosen columns, those that are level with the lowest of them the first of their kind."""
    chosen = columns.copy()
    lowest = np.take_along_axis(products, columns, 1).min(1)
    for question in np.flatnonzero((products >= lowest[:, None]).sum(1) > columns.shape[1]):
        level = np.flatnonzero(products[question] == lowest[question])
        above = columns[question][products[question, columns[question]] > lowest[question]]
        chosen[question] = np.concatenate([above, level[: columns.shape[1] - len(above)]])
    return chosen
