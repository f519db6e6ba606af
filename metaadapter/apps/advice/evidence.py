"""The evidence for advice: each labelled picture is predicted as if it had no label.

Letters: m pictures, sorted by class; N classes; features are D wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.generator.block_weights import weighed
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.generator import Generator, LeftOutPredictions
from metaadapter.generator.known_scalars import likeness
from metaadapter.generator.pretrained import shared_generator

KNOWN_SHARE = 0.1
MAX_PICTURES = 2048
"""The most pictures for which the shipped generator computes left-out predictions."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The pictures of one task, sorted by class, compared with one another and with class texts."""

    numbers: Int[np.ndarray, " m"]
    log_p: Float[np.ndarray, "m N"]
    """Log-probability of each class for each picture, by the adapter from all other pictures."""
    strangeness: Float[np.ndarray, " m"]
    """How little a picture looks like its class and like any class: minus its likeness to its class
    (0 is the mean likeness to other classes), minus `KNOWN_SHARE` of the logit of being known; −∞
    if it is probably known, as a picture of another class is."""
    has_others: Bool[np.ndarray, " m"]
    """True if the class of a picture has other pictures, so that its left-out prediction counts."""
    distances: Float[np.ndarray, "m m"]
    """Squared distance between two pictures, divided by the mean over all pairs."""
    agreement: Float[np.ndarray, "N N"]
    """Cosine between the text of a class (row) and the mean picture of a class (column), minus the
    mean of the row and that of the column."""
    named: Bool[np.ndarray, " N"]

    @property
    def n_pictures(self) -> Int[np.ndarray, " N"]:
        """The number of pictures of each class."""
        return np.bincount(self.numbers, minlength=self.log_p.shape[1])


def evidence_of(support: Support) -> Evidence:
    """Return the evidence for the single task of a support with 1 to `MAX_PICTURES` pictures."""
    predictions, canonical = left_out(support), weighed(support)
    assert predictions.known is not None  # of one label
    numbers, known = support.labelled_rows()[1], predictions.known.logit(1e-9)
    exact = support.exact
    rows_MD, numbers_M = exact.labelled_rows()
    like_MN = likeness(exact).of_left_out(rows_MD[None], numbers_M[None])[0]
    own_M = like_MN.gather(1, numbers_M[:, None])[:, 0]
    strangeness = -(own_M + KNOWN_SHARE * known)
    return Evidence(
        numbers=numbers.numpy(),
        log_p=predictions.log_p.numpy(),
        strangeness=strangeness.masked_fill(known > 0, -torch.inf).numpy(),
        has_others=predictions.counts.numpy(),
        distances=_distances(canonical),
        agreement=_agreement(canonical),
        named=_named(canonical).numpy(),
    )


def left_out(support: Support) -> LeftOutPredictions:
    """Predict each picture by the adapter from all other pictures, as the page does."""
    generator, _ = shared_generator("default")
    assert isinstance(generator, Generator)
    return generator.left_out(support)


def distances(support: Support) -> Float[np.ndarray, "m m"]:
    """Return `Evidence.distances`, in a tenth of the time that all evidence takes."""
    return _distances(weighed(support))


def _distances(canonical: CanonicalSupport) -> Float[np.ndarray, "m m"]:
    rows_MD = canonical.shots_TNKD[canonical.shot_mask_TNK]
    # Canonical pictures have a mean squared length of 1, so the mean squared distance is 2.
    gram_MM = rows_MD @ rows_MD.mT
    square_M = gram_MM.diagonal()
    squares_MM = (square_M[:, None] + square_M - 2 * gram_MM).clamp(min=0)
    return np.asarray(squares_MM.double() / 2)


def _named(canonical: CanonicalSupport) -> Bool[Tensor, " N"]:
    return (canonical.text_mask_TN & canonical.image_mask_TN)[0]


def _agreement(canonical: CanonicalSupport) -> Float[np.ndarray, "N N"]:
    """Subtract means, or a text near all pictures would agree with every class, and vice versa."""
    (text_ND,), (mean_ND,), named_N = canonical.text_TND, canonical.means_TND, _named(canonical)
    # Blocks without texts do not count.
    mean_ND = (mean_ND - mean_ND[named_N].mean(0)) * text_ND.any(0)
    pairs_NN = named_N[:, None] & named_N
    cosines_NN = torch.where(pairs_NN, normalize(text_ND) @ normalize(mean_ND).T, 0.0)
    n_named = max(1, int(named_N.sum()))
    for axis in (0, 1):
        usual = cosines_NN.sum(axis, keepdim=True) / n_named
        cosines_NN = torch.where(pairs_NN, cosines_NN - usual, 0.0)
    return cosines_NN.numpy()
