"""A data set of Gaussian classes whose geometry is like CLIP's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodes.source import TaskSource

__all__ = ["synthetic_source"]

# A classes, n pictures a class, D feature width.

SEPARATION = 4.0
"""Typical distance of two class means in standard deviations of a class."""
LOGIT_SCALE = 100.0
"""The inverse temperature that a source states, which is CLIP's."""


def synthetic_source(
    name: str = "synthetic",
    *,
    n_classes: int,
    width: int,
    generator: torch.Generator,
    n_pictures: int = 40,
    spectrum_decay: float = 1.0,
    gap: float = 1.0,
    text_noise: float = 0.5,
    weight: float = 1.0,
) -> TaskSource:
    """Make one data set of Gaussian classes, to be drawn from as any other.

    Args:
        name: The name of the source.
        n_classes: The number of classes.
        width: The feature width.
        generator: The source of randomness, on the CPU.
        n_pictures: Pictures of each class.
        spectrum_decay: The i-th variance within a class is proportional to i^−decay.
        gap: Offset of all pictures one way and of all texts the other way, as a multiple of
            their own length: the cones of CLIP's two modalities.
        text_noise: How far a text is from its class's mean, as a multiple of the mean's length.
        weight: The weight of the source in a mixture.

    Returns:
        A source with one view of each picture.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    spectrum_D = torch.arange(1, width + 1, dtype=torch.float64) ** -spectrum_decay
    # A picture is about one unit away from its class's mean.
    deviations_D = (spectrum_D / spectrum_D.sum()).sqrt().float()
    offset_D = gap * normalize(normal(width), dim=0)
    turn_DD = torch.linalg.qr(normal(width, width)).Q
    # Two standard normal vectors are √(2 · width) apart.
    step = SEPARATION / (2 * width) ** 0.5
    means_AD = step * normal(n_classes, width) * deviations_D
    pictures_AnD = means_AD[:, None] + normal(n_classes, n_pictures, width) * deviations_D
    spread_AD = normal(n_classes, width) * deviations_D
    texts_AD = means_AD + means_AD.norm(dim=1).mean() * (text_noise * spread_AD - offset_D)
    return TaskSource(
        name=name,
        features_nVD=normalize((pictures_AnD + offset_D) @ turn_DD, dim=-1).flatten(0, 1)[:, None],
        labels_n=torch.arange(n_classes).repeat_interleave(n_pictures),
        text_CD=normalize(texts_AD @ turn_DD, dim=1),
        logit_scale=LOGIT_SCALE,
        weight=weight,
    )
