"""Random tasks of several labels: the features of a picture are those of its classes, mixed."""

from __future__ import annotations

import numpy as np

CLASSES = ("ant", "bee", "cat", "dog")


class MixedPictures:
    """Unit rows that are sums of class directions and noise, with complete labels."""

    def __init__(self, n: int = 40, width: int = 24, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        directions = rng.normal(size=(len(CLASSES), width))
        self.shows = rng.random((n, len(CLASSES))) < 0.4
        self.shows[: len(CLASSES)] |= np.eye(len(CLASSES), dtype=bool)
        rows = self.shows @ directions + 0.7 * rng.normal(size=(n, width))
        self.rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        texts = directions + 0.5 * rng.normal(size=directions.shape)
        self.texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
