"""A generator for pictures that come from elsewhere than the labelled ones (docs: shift.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator

ELSEWHERE = "elsewhere"
"""The name of `Elsewhere` around the generator that ships."""
# Chosen on validation sets (docs/explanation/shift.md).
FULL_TEXT = 4
"""With more pictures than this, the text counts less: √(this / pictures)."""
PLAIN_SCALE = 2.0
"""The inverse temperature of text + mean, as a multiple of the encoder's own."""
TEMPERATURE = 3.0
"""Divides the sum of the logits, because two methods that agree are too sure together."""
USUAL_SCALE = 30.0
"""The inverse temperature of an encoder for which it is unknown."""


@final
class Elsewhere(AdapterGenerator):
    """Adds the logits of text + mean to those of another generator, and tempers the sum.

    What a generator reads in the scatter of labelled pictures holds in their domain only. The mean
    of a class's text and pictures reads no scatter, and loses less in another domain. A task with
    a pool, which shows the other domain, or without labelled pictures keeps its adapter.
    """

    takes_float64: ClassVar[bool] = True

    def __init__(self, generator: AdapterGenerator) -> None:
        super().__init__()
        self.generator = generator

    def stored_config(self) -> dict[str, Any]:
        """Raise a `UsageError`, since it has no weights of its own."""
        raise UsageError("'elsewhere' ships with metaadapter and has no weights of its own to save")

    def identity_text(self) -> str:
        """Return the constants."""
        return f"{ELSEWHERE} {FULL_TEXT} {PLAIN_SCALE} {TEMPERATURE} {USUAL_SCALE}"

    def in_domain_of_pool(self, support: Support) -> Support:
        """Return what the other generator returns."""
        return self.generator.in_domain_of_pool(support)

    def forward(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks, without gradients."""
        predicted = self.generator.predict(support)
        if support.n_pool:
            return predicted
        changed = _with_plain(predicted, support).tempered(TEMPERATURE)
        return changed.where(support.present_TNK.flatten(1).any(-1), predicted)


def _with_plain(weights: AdapterWeights, support: Support) -> AdapterWeights:
    """Return adapters whose logits have those of text + mean added, for the columns of texts."""
    text_TND = support.text_TND * support.class_mask_TN[..., None]
    is_read_T1D = text_TND.any(1, keepdim=True)
    is_read_T1D = is_read_T1D | ~is_read_T1D.any(-1, keepdim=True)
    plain_TND = _unit_means(support, is_read_T1D)
    part_T = _length_read(support, is_read_T1D)
    scale_T = support.logit_scale_T
    if scale_T is None:
        scale_T = torch.full_like(part_T, USUAL_SCALE)
    ratio_T = PLAIN_SCALE * scale_T / (part_T * weights.logit_scale)
    return replace(weights, classes=weights.classes + ratio_T[:, None, None] * plain_TND)


def _unit_means(support: Support, is_read_T1D: Tensor) -> Float[Tensor, "T N D"]:
    """Return the unit sum of each class's weighted unit text and unit mean of unit pictures."""
    n_shot_TN = support.present_TNK.sum(-1).clamp(min=1).to(support.text_TND)
    weight_TN = (FULL_TEXT / n_shot_TN).sqrt().clamp(max=1)
    text_TND = weight_TN[..., None] * normalize(support.text_TND, dim=-1)
    rows_TNKD = normalize(support.shots_TNKD * is_read_T1D[:, None], dim=-1)
    return normalize(text_TND + normalize(rows_TNKD.sum(2), dim=-1), dim=-1)


def _length_read(support: Support, is_read_T1D: Tensor) -> Float[Tensor, " T"]:
    """Return the mean length of the columns of texts in a labelled picture."""
    length_TNK = (support.shots_TNKD * is_read_T1D[:, None]).norm(dim=-1)
    mean_T: Tensor = length_TNK.sum((1, 2)) / support.n_pictures_T
    return mean_T.clamp(min=1e-6)
