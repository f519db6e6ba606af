"""Class texts of a stated quality, made from the pictures of a set, queries included.

Such texts simulate what an encoder knows of class names, from CLIP's to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from metaadapter.bench.evaluation.methods.method import Method
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.sets.name_level import MADE, OWN, Cones, is_in_cones, noise_of
from metaadapter.bench.peers.meta_trained import MetaPeer
from metaadapter.errors import UsageError

# The temperature is that of this level at all levels, so that it does not tell how good names are.
LEVEL_OF_TEMPERATURE = 1.0
SCALES = np.geomspace(1, 1000, 31).tolist()
CHUNK = 4096


def with_names(data: EvaluationSet, levels: Sequence[str]) -> Iterator[EvaluationSet]:
    """Yield the set once for each level of names; "own" is the set itself.

    The text of class c is unit(unit(μ_c) + level · noise_c): μ_c is the mean of the pictures of c
    minus the mean of the class means, and noise_c a random unit vector, the same at all levels.
    Only the blocks that the encoder's texts have are used; all blocks if there are no texts.
    """
    made: dict[bool, _Geometry] = {}
    for level in levels:
        if level == OWN:
            yield data
            continue
        in_cones = is_in_cones(level)
        if in_cones not in made:
            made[in_cones] = _Geometry.of(data, in_cones)
        yield replace(
            made[in_cones].data,
            name=f"{data.name}, {MADE} {level}",
            text_CD=made[in_cones].texts(noise_of(level)),
            logit_scale=made[in_cones].logit_scale,
            identity=f"{data.identity} {MADE} {level}",
            names=level,
        )


def require_names_fit(method: Method, data: EvaluationSet) -> None:
    """Raise `UsageError` if a method needs the encoder that the names of a set are not from."""
    if data.names == OWN:
        return
    reason = ""
    if method.reads_words or method.fit_pictures:
        reason = "reads names with the encoder's text tower"
    elif isinstance(method.fit, MetaPeer) and data.cones:
        reason = "has weights for features that are not bent into cones"
    if reason:
        raise UsageError(
            f"{method.name} {reason}, but the set {data.name} does not have the encoder's; leave "
            f"{method.name} out of --methods, or take --set names={OWN}"
        )


@dataclass(frozen=True, slots=True)
class _Geometry:
    """A set in plain or in cone geometry, with what all of its made names have in common."""

    data: EvaluationSet
    means_CD: Float[Tensor, "C D"]
    noise_CD: Float[Tensor, "C D"]
    logit_scale: float

    @classmethod
    def of(cls, data: EvaluationSet, in_cones: bool) -> _Geometry:
        places = _text_places(data)
        means_CD, noise_CD = _means(data, places), _noise(data, places)
        if in_cones:
            data = replace(data, cones=Cones(places))
        plain = cls(data, means_CD, noise_CD, 1.0)
        return replace(plain, logit_scale=_best_scale(data, plain.texts(LEVEL_OF_TEMPERATURE)))

    def texts(self, noise: float) -> Float[Tensor, "C D"]:
        """Return unit texts with noise of this length."""
        is_noise = math.isinf(noise)
        mixed = self.noise_CD if is_noise else self.means_CD + noise * self.noise_CD
        text_CD = normalize(mixed, dim=-1)
        return self.data.cones.texts(text_CD) if self.data.cones else text_CD


def _text_places(data: EvaluationSet) -> tuple[slice, ...]:
    """Return the columns of each block in which a class has a text; all blocks without texts."""
    ends = np.cumsum(data.blocks or data.text_CD.shape[1:]).tolist()
    places = tuple(map(slice, [0, *ends[:-1]], ends))
    return tuple(place for place in places if data.text_CD[:, place].any()) or places


def _means(data: EvaluationSet, places: Sequence[slice]) -> Float[Tensor, "C D"]:
    """Return the direction of each class's mean picture from the mean of the class means."""
    n_classes, width = data.text_CD.shape
    sums_CD = torch.zeros(n_classes, width, dtype=torch.float64)
    for rows_nD, labels_n in _pictures(data):
        sums_CD.index_add_(0, labels_n, rows_nD.double())
    counts_C = torch.from_numpy(np.bincount(data.labels_n[data.labels_n >= 0], minlength=n_classes))
    has_any_C1 = (counts_C > 0)[:, None]
    means_CD = sums_CD / counts_C.clamp(min=1)[:, None]
    centred_CD = (means_CD - means_CD.sum(0) / has_any_C1.sum()) * has_any_C1
    return normalize(_only(centred_CD, places), dim=-1).float()


def _noise(data: EvaluationSet, places: Sequence[slice]) -> Float[Tensor, "C D"]:
    # Not the seed of the cones' offsets, which the noise of a class would then repeat.
    draw = torch.Generator().manual_seed(1)
    return normalize(_only(torch.randn(data.text_CD.shape, generator=draw), places), dim=-1)


def _only(rows_CD: Tensor, places: Sequence[slice]) -> Tensor:
    kept_CD = torch.zeros_like(rows_CD)
    for place in places:
        kept_CD[:, place] = rows_CD[:, place]
    return kept_CD


def _best_scale(data: EvaluationSet, text_CD: Float[Tensor, "C D"]) -> float:
    """Return the inverse temperature, of `SCALES`, with the smallest log loss of zero-shot."""
    losses = torch.zeros(len(SCALES), dtype=torch.float64)
    for rows_nD, labels_n in _pictures(data):
        cosines_nC = rows_nD @ text_CD.T
        losses += torch.stack(
            [cross_entropy(s * cosines_nC, labels_n, reduction="sum").double() for s in SCALES]
        )
    return float(SCALES[int(losses.argmin())])


def _pictures(data: EvaluationSet) -> Iterator[tuple[Float[Tensor, "n D"], Int[Tensor, " n"]]]:
    """Yield the features and classes of the pictures that a task may draw."""
    (used,) = (data.labels_n >= 0).nonzero()
    for numbers in torch.split(torch.from_numpy(used), CHUNK):
        yield data.look_up(numbers), torch.from_numpy(data.labels_n)[numbers]
