"""Tasks from Gaussian classes whose geometry is like CLIP's, with known best accuracy."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes.batch import EpisodeBatch
from episodes.source import TaskSource

__all__ = ["gaussian_tasks", "synthetic_source"]

# A classes, n pictures a class, D feature width; T tasks, N ways, K shots, Q queries of a task.


def gaussian_tasks(
    n_tasks: int,
    n_way: int,
    n_shot: int,
    n_query: int,
    width: int,
    *,
    generator: torch.Generator,
    separation: float = 4.0,
    spectrum_decay: float = 1.0,
    gap: float = 1.0,
    text_noise: float = 0.5,
) -> tuple[EpisodeBatch, float]:
    """Draw tasks of classes that no other task has.

    Args:
        n_tasks: number of tasks.
        n_way: classes of each.
        n_shot: labelled pictures a class.
        n_query: pictures to classify, a class.
        width: feature width.
        generator: source of randomness, on the CPU.
        separation: typical distance of two class means in standard deviations of a class.
        spectrum_decay: the i-th variance within a class is proportional to i^−decay.
        gap: offset of all pictures one way and of all texts the other way, as a multiple of
            their own length: the cones of CLIP's two modalities.
        text_noise: how far a text is from its class's mean, as a multiple of the mean's length.

    Returns:
        The tasks, and the share of their queries that a classifier right in all means and
        covariances gets right, which estimates the best possible accuracy.
    """
    world = _World(width, spectrum_decay, gap, generator)
    means_AD = world.draw_means(n_tasks * n_way, separation)
    pictures_AnD = world.draw_pictures(means_AD, n_shot + n_query)
    queries_TQD = pictures_AnD[:, n_shot:].reshape(n_tasks, n_way * n_query, width)
    labels_Q = torch.arange(n_way).repeat_interleave(n_query)
    best_TQ = world.classify(queries_TQD, means_AD.reshape(n_tasks, n_way, width))
    features_AnD = world.as_pictures(pictures_AnD)
    batch = EpisodeBatch(
        support_TNKD=features_AnD[:, :n_shot].reshape(n_tasks, n_way, n_shot, width),
        support_mask_TNK=torch.ones(n_tasks, n_way, n_shot, dtype=torch.bool),
        query_TQD=features_AnD[:, n_shot:].reshape(n_tasks, n_way * n_query, width),
        query_labels_TQ=labels_Q.repeat(n_tasks, 1),
        text_TND=world.as_texts(means_AD, text_noise).reshape(n_tasks, n_way, width),
        class_mask_TN=torch.ones(n_tasks, n_way, dtype=torch.bool),
    )
    return batch, float((best_TQ == labels_Q).double().mean())


def synthetic_source(
    name: str = "synthetic",
    *,
    n_classes: int,
    n_pictures: int,
    width: int,
    generator: torch.Generator,
    separation: float = 4.0,
    spectrum_decay: float = 1.0,
    gap: float = 1.0,
    text_noise: float = 0.5,
    logit_scale: float = 100.0,
    weight: float = 1.0,
) -> TaskSource:
    """Make one data set of Gaussian classes, to be drawn from as any other.

    Args:
        name: of the source.
        n_classes: number of classes.
        n_pictures: pictures of each class.
        width: feature width.
        generator: source of randomness, on the CPU.
        separation: as in `gaussian_tasks`, and so the next three.
        spectrum_decay: of the variances within a class.
        gap: between pictures and texts.
        text_noise: of the texts.
        logit_scale: inverse temperature that the source states.
        weight: of the source in a mixture.

    Returns:
        A source with one view and one template set.
    """
    world = _World(width, spectrum_decay, gap, generator)
    means_AD = world.draw_means(n_classes, separation)
    features_AnD = world.as_pictures(world.draw_pictures(means_AD, n_pictures))
    return TaskSource(
        name=name,
        features_nVD=features_AnD.flatten(0, 1)[:, None],
        labels_n=torch.arange(n_classes).repeat_interleave(n_pictures),
        text_SCD=world.as_texts(means_AD, text_noise)[None],
        logit_scale=logit_scale,
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

    def draw_means(self, n_classes: int, separation: float) -> Float[Tensor, "A D"]:
        width = len(self._deviations_D)
        # Two standard normal vectors are √(2 · width) apart.
        step: float = separation / (2 * width) ** 0.5
        return step * self._normal(n_classes, width) * self._deviations_D

    def draw_pictures(self, means_AD: Float[Tensor, "A D"], n: int) -> Float[Tensor, "A n D"]:
        noise_AnD = self._normal(len(means_AD), n, means_AD.shape[1])
        return means_AD[:, None] + noise_AnD * self._deviations_D

    def classify(
        self, queries_TQD: Float[Tensor, "T Q D"], means_TND: Float[Tensor, "T N D"]
    ) -> Int[Tensor, "T Q"]:
        """The nearest mean where the covariance is round: right as often as anything can be."""
        distances_TQN = torch.cdist(
            queries_TQD / self._deviations_D, means_TND / self._deviations_D
        )
        best_TQ: Tensor = distances_TQN.argmin(2)
        return best_TQ

    def as_pictures(self, pictures_AnD: Float[Tensor, "A n D"]) -> Float[Tensor, "A n D"]:
        return normalize((pictures_AnD + self._offset_D) @ self._turn_DD, dim=-1)

    def as_texts(self, means_AD: Float[Tensor, "A D"], noise: float) -> Float[Tensor, "A D"]:
        length = means_AD.norm(dim=1).mean()
        spread_AD = self._normal(*means_AD.shape) * self._deviations_D
        texts_AD = means_AD + length * (noise * spread_AD - self._offset_D)
        return normalize(texts_AD @ self._turn_DD, dim=1)

    def _normal(self, *shape: int) -> Float[Tensor, ...]:
        return torch.randn(shape, generator=self._generator)
