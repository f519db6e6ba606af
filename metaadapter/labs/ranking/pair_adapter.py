"""A map from captions to pictures, fitted to a few pairs.

The features of pictures and of captions lie in two separate cones, which are narrower in a special
domain than in the encoder's training. So both are centred. Then a caption is mapped to its expected
picture: the caption's feature, corrected by kernel ridge regression on the pairs. The score of a
picture is its cosine with the expected picture, minus a correction for hubs: the pictures and
captions that are similar to everything (Radovanović et al., 2010; CSLS, Conneau et al., 2018).
Captions of the pairs have better expected pictures than new ones, so their scores are lowered.

In closed form, the residuals of rows left out of a ridge regression are their coefficients,
multiplied by the inverse of their block in the inverse system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

from metaadapter.errors import UsageError
from metaadapter.features.views import text_places

# docs/explanation/captions.md describes how these two were chosen, and on which data.
SHARPNESS = 3.0
"""The sharpness of the kernel of captions, exp(sharpness · (cosine − 1)): the higher it is, the
closer a caption must be to the caption of a pair to get the correction of that pair."""
RIDGE = 0.5
"""The ridge that shrinks corrections; the kernel of a caption with itself is 1."""
MOST_LEFT_OUT = 64
"""The number of captions that `mean_lead` leaves out at most: the first ones."""


def fit_corrections(
    pictures: Float32[np.ndarray, "pairs dim"], captions: Float32[np.ndarray, "pairs dim"]
) -> Float32[np.ndarray, "pairs dim"]:
    """Return the coefficients that map centred captions to pictures minus captions."""
    return np.asarray(np.linalg.solve(_regularised(captions), pictures - captions), np.float32)


def left_out_cosines(
    pictures: Float32[np.ndarray, "pairs dim"],
    captions: Float32[np.ndarray, "pairs dim"],
    corrections: Float32[np.ndarray, "pairs dim"],
) -> Float32[np.ndarray, "pairs pairs"]:
    """Return the cosine of each picture with each caption, by the fit without their pairs.

    These are the scores that new pictures and captions of the domain would get. The means, which a
    pair hardly changes, stay.
    """
    inverse = np.linalg.inv(_regularised(captions))
    diagonal = inverse.diagonal()
    # Caption j without the pairs i and j has the residual by_j · corrections_j + by_i · …_i.
    part = diagonal[:, None] * diagonal[None] - inverse**2
    np.fill_diagonal(part, 1)
    by_j, by_i = diagonal[:, None] / part, -inverse / part
    np.fill_diagonal(by_j, 1 / diagonal)
    np.fill_diagonal(by_i, 0)
    similarities, across = pictures @ pictures.T, pictures @ corrections.T
    products = corrections @ corrections.T
    self_across, squares = across.diagonal(), products.diagonal()
    # The expected picture of caption j is the picture of pair j minus that residual.
    dots = similarities - by_j * across - by_i * self_across[:, None]
    lengths = (
        1
        - 2 * (by_j * self_across[None] + by_i * across.T)
        + by_j**2 * squares[None]
        + 2 * by_j * by_i * products
        + by_i**2 * squares[:, None]
    )
    cosines: Float32[np.ndarray, "pairs pairs"] = dots / np.sqrt(np.maximum(lengths, 1e-12))
    return cosines


def mean_lead(
    pictures: Float32[np.ndarray, "pairs dim"],
    captions: Float32[np.ndarray, "pairs dim"],
    corrections: Float32[np.ndarray, "pairs dim"],
) -> float:
    """Return by how much captions of other pairs beat a new caption at its own picture, on average.

    Each caption is new in turn: all of its pairs are left out of the fit. The lead is the highest
    cosine of a left-out picture with the other captions, minus its cosine with its own caption.
    Without two different captions it is 0.
    """
    if not len(captions):
        return 0.0
    inverse = np.linalg.inv(_regularised(captions))
    # Features of one text differ by rounding, with the batch in which they are encoded.
    same = captions @ captions.T > 1 - 1e-5
    np.fill_diagonal(same, True)
    leads: list[float] = []
    for out in same[np.unique(same.argmax(1))[:MOST_LEFT_OUT]]:
        if out.all():
            break
        residuals = np.linalg.solve(inverse[np.ix_(out, out)], corrections[out])
        kept = (corrections - inverse[:, out] @ residuals)[~out]
        others, own = unit(pictures[~out] - RIDGE * kept), unit(pictures[out] - residuals)
        leads += ((pictures[out] @ others.T).max(1) - (pictures[out] * own).sum(1)).tolist()
    return float(np.mean(leads)) if leads else 0.0


def kernel(
    rows: Float32[np.ndarray, "n dim"], others: Float32[np.ndarray, "m dim"]
) -> Float32[np.ndarray, "n m"]:
    """Return the similarity of captions, from 0 to 1."""
    return np.asarray(np.exp(SHARPNESS * (rows @ others.T - 1)), np.float32)


def unit(rows: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n dim"]:
    """Scale rows to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def _regularised(captions: Float32[np.ndarray, "pairs dim"]) -> Float32[np.ndarray, "pairs pairs"]:
    system: Float32[np.ndarray, "pairs pairs"] = kernel(captions, captions)
    np.fill_diagonal(system, system.diagonal() + RIDGE)
    return system


# docs/explanation/captions.md describes how these five were chosen, and on which data.
MEAN_SHRINKAGE = 6.0
"""The number of rows of zeros in the mean, which shrink the mean of few pairs."""
HUB_WEIGHT = 0.25
"""The weight of the mean of the highest cosines of a picture or caption with the pairs."""
N_NEIGHBOURS = 10
"""The number of highest cosines in that mean, as in CSLS."""
LEVEL_OF_PAIRS = 0.05
"""The least amount by which the scores of captions of many pairs are lowered."""
LEAD_WEIGHT = 0.5
"""The part of the mean lead over new captions by which the scores of captions of pairs are lowered,
if it is more than that."""


@dataclass(frozen=True, eq=False)
class PairAdapter:
    """The map that is fitted to pairs; without any pair, scores are the encoder's cosines.

    The score of a picture and a caption is the product of their rows, so that a library for nearest
    neighbours can index the rows as plain vectors.

    Attributes:
        picture_mean: The mean subtracted from each picture before it is scaled to length 1.
        caption_mean: The mean subtracted from each caption.
        pictures: The pictures of the pairs, centred.
        captions: The captions of the pairs, centred.
        corrections: The coefficients of the kernel ridge regression, a row for each pair.
        places: The ranges of columns in which a caption's row is not 0, each with the length of the
            row in this range, from `text_places`.
    """

    picture_mean: Float32[np.ndarray, " dim"]
    caption_mean: Float32[np.ndarray, " dim"]
    pictures: Float32[np.ndarray, "pairs dim"]
    captions: Float32[np.ndarray, "pairs dim"]
    corrections: Float32[np.ndarray, "pairs dim"]
    places: tuple[tuple[slice, float], ...]

    def picture_rows(
        self, features: Float[np.ndarray, "n dim"], *, hubs: bool = True
    ) -> Float32[np.ndarray, "n width"]:
        """Return rows of pictures, whose products with `caption_rows` are the scores.

        Args:
            features: Unit rows from the encoder.
            hubs: Whether to lower the scores of pictures that are similar to all pairs' captions.
        """
        rows = self._picture_rows(unit(features.astype(np.float32) - self.picture_mean))
        return self._with_level(rows, self._pair_captions if hubs else None, of_pictures=True)

    def caption_rows(
        self, features: Float[np.ndarray, "n dim"], *, hubs: bool = True
    ) -> Float32[np.ndarray, "n width"]:
        """Return rows of captions; the arguments are as for `picture_rows`.

        With `hubs` captions of the pairs, and captions near them, lose what they gain by being
        fitted, so that new captions can win. The level is highest for a caption of a pair.
        """
        centred = unit(features.astype(np.float32) - self.caption_mean)
        rows = self._caption_rows(centred)
        rows = self._with_level(rows, self._pair_pictures if hubs else None, of_pictures=False)
        if hubs and len(self.captions):
            rows[:, -1] -= self._level_of_pairs * kernel(centred, self.captions).max(1)
        return rows

    @cached_property
    def _pair_pictures(self) -> Float32[np.ndarray, "pairs _"]:
        return self._picture_rows(self.pictures)

    @cached_property
    def _pair_captions(self) -> Float32[np.ndarray, "pairs _"]:
        return self._caption_rows(self.captions)

    @cached_property
    def _level_of_pairs(self) -> float:
        n = len(self.captions)
        lead = mean_lead(self.pictures, self.captions, self.corrections)
        return max(LEVEL_OF_PAIRS * n / (n + MEAN_SHRINKAGE), LEAD_WEIGHT * lead)

    @cached_property
    def _products(self) -> Float32[np.ndarray, "pairs pairs"]:
        return np.asarray(self.corrections @ self.corrections.T)

    def _picture_rows(self, centred: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n _"]:
        return np.concatenate([self._folded(centred), centred @ self.corrections.T], axis=1)

    def _caption_rows(self, centred: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n _"]:
        """Return the expected pictures of captions: length 1, in `_picture_rows` coordinates."""
        near = kernel(centred, self.captions)
        across = ((centred @ self.corrections.T) * near).sum(1)
        squares = (centred**2).sum(1) + 2 * across + ((near @ self._products) * near).sum(1)
        lengths = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))[:, None]
        return np.concatenate([self._folded(centred) / lengths, near / lengths], axis=1)

    def _folded(self, rows: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n _"]:
        """Return the columns that captions share with pictures, summed over the looks."""
        parts = [rows[:, place] * np.float32(length) for place, length in self.places]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    def _with_level(
        self,
        rows: Float32[np.ndarray, "n _"],
        others: Float32[np.ndarray, "m _"] | None,
        *,
        of_pictures: bool,
    ) -> Float32[np.ndarray, "n _"]:
        """Append two columns, which add the hub corrections of both sides to each product."""
        level = np.zeros((len(rows), 1), np.float32)
        if others is not None and len(others):
            level[:, 0] = -HUB_WEIGHT * mean_of_highest(rows @ others.T)
        one = np.ones_like(level)
        return np.concatenate([rows, *((level, one) if of_pictures else (one, level))], axis=1)


def fit_pairs(
    pictures: Float[np.ndarray, "pairs dim"],
    captions: Float[np.ndarray, "captions caption_dim"],
    *,
    more_pictures: Iterable[Float[np.ndarray, "_ dim"]] = (),
    more_captions: Iterable[Float[np.ndarray, "_ dim"]] = (),
    zoom: bool = False,
    blocks: Mapping[str, int] | None = None,
) -> PairAdapter:
    """Fit the map in closed form, by one linear system with one equation for each pair.

    Args:
        pictures: Unit rows of pictures from the frozen encoder.
        captions: Unit rows of their captions.
        more_pictures: Blocks of unit rows of pictures without a caption, used only for the mean.
        more_captions: Blocks of unit rows of captions without a picture, used only for the mean.
        zoom: Whether features have two looks. With `zoom` and `blocks`, rows are as short as the
            joint block of one look; leave both out for an encoder that is not open_clip's.
        blocks: Names and widths of the blocks of one look, as in `ImageEncoder.look_blocks`.

    Raises:
        UsageError: Pictures and captions differ in number or width, or are not finite.
    """
    pictures, captions = pictures.astype(np.float32), captions.astype(np.float32)
    if pictures.shape != captions.shape:
        raise UsageError(
            f"expected one caption for each picture, from the same encoder, got features of the "
            f"shapes {pictures.shape} and {captions.shape}"
        )
    if not (np.isfinite(pictures).all() and np.isfinite(captions).all()):
        raise UsageError("expected finite features of pairs, got NaN or infinity")
    picture_mean = shrunk_mean(pictures, more_pictures)
    caption_mean = shrunk_mean(captions, more_captions)
    centred, targets = unit(captions - caption_mean), unit(pictures - picture_mean)
    corrections = fit_corrections(targets, centred)
    places = text_places(pictures.shape[1], zoom, blocks or {})
    return PairAdapter(picture_mean, caption_mean, targets, centred, corrections, places)


def mean_of_highest(cosines: Float32[np.ndarray, "n m"]) -> Float32[np.ndarray, " n"]:
    """Return the mean of the `N_NEIGHBOURS` highest cosines in each row, or of all if fewer."""
    n = min(N_NEIGHBOURS, cosines.shape[1])
    highest = np.partition(cosines, cosines.shape[1] - n, axis=1)[:, cosines.shape[1] - n :]
    return np.asarray(highest.mean(1), np.float32)


def shrunk_mean(
    rows: Float32[np.ndarray, "n dim"], more: Iterable[Float[np.ndarray, "_ dim"]]
) -> Float32[np.ndarray, " dim"]:
    """Return the mean of all rows together with `MEAN_SHRINKAGE` rows of zeros."""
    total, n = np.zeros(rows.shape[1]), MEAN_SHRINKAGE
    for block in (rows, *more):
        total, n = total + block.sum(0, dtype=np.float64), n + len(block)
    return np.asarray(total / n, np.float32)
