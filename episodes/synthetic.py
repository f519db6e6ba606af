"""A data set of Gaussian classes whose geometry is like CLIP's."""

from __future__ import annotations

import torch
from jaxtyping import Float
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
    world = _World(width, spectrum_decay, gap, generator)
    means_AD = world.draw_means(n_classes)
    features_AnD = world.as_pictures(world.draw_pictures(means_AD, n_pictures))
    return TaskSource(
        name=name,
        features_nVD=features_AnD.flatten(0, 1)[:, None],
        labels_n=torch.arange(n_classes).repeat_interleave(n_pictures),
        text_CD=world.as_texts(means_AD, text_noise),
        logit_scale=LOGIT_SCALE,
        weight=weight,
    )


class _World:
    """The covariance that all classes share, and where the two modalities are.

    Coordinates are the covariance's own axes until the features leave through `as_pictures` and
    `as_texts`, which turn them at random.
    """

    def __init__(
        self, width: int, spectrum_decay: float, gap: float, generator: torch.Generator
    ) -> None:
        self._generator = generator
        spectrum_D = torch.arange(1, width + 1, dtype=torch.float64) ** -spectrum_decay
        # A picture is about one unit away from its class's mean.
        self._deviations_D = (spectrum_D / spectrum_D.sum()).sqrt().float()
        self._offset_D = gap * normalize(self._normal(width), dim=0)
        self._turn_DD = torch.linalg.qr(self._normal(width, width)).Q

    def draw_means(self, n_classes: int) -> Float[Tensor, "A D"]:
        width = len(self._deviations_D)
        # Two standard normal vectors are √(2 · width) apart.
        step: float = SEPARATION / (2 * width) ** 0.5
        return step * self._normal(n_classes, width) * self._deviations_D

    def draw_pictures(self, means_AD: Float[Tensor, "A D"], n: int) -> Float[Tensor, "A n D"]:
        noise_AnD = self._normal(len(means_AD), n, means_AD.shape[1])
        return means_AD[:, None] + noise_AnD * self._deviations_D

    def as_pictures(self, pictures_AnD: Float[Tensor, "A n D"]) -> Float[Tensor, "A n D"]:
        return normalize((pictures_AnD + self._offset_D) @ self._turn_DD, dim=-1)

    def as_texts(self, means_AD: Float[Tensor, "A D"], noise: float) -> Float[Tensor, "A D"]:
        length = means_AD.norm(dim=1).mean()
        spread_AD = self._normal(*means_AD.shape) * self._deviations_D
        texts_AD = means_AD + length * (noise * spread_AD - self._offset_D)
        return normalize(texts_AD @ self._turn_DD, dim=1)

    def _normal(self, *shape: int) -> Float[Tensor, ...]:
        return torch.randn(shape, generator=self._generator)
