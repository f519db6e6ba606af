"""A data set to draw tasks from, real or of Gaussian classes with a geometry like CLIP's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.spec import EpisodeSpec

# Pictures in memory at a time when all are read once.
CHUNK_PICTURES = 65_536


@final
class StoredFeatures:
    """Stands for a tensor (n, V, D) of unit rows that is larger than the memory should hold.

    Attributes:
        shape: The numbers of pictures and of views, and the feature width.
        device: The device of the features that are returned.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, int, int],
        device: str | torch.device = "cpu",
    ) -> None:
        """Keep `read`, which returns float32 rows (k, D) for k row numbers: picture · V + view."""
        self._read, self.shape, self.device = read, shape, torch.device(device)

    def look_up(self, rows: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        """Return the rows with these numbers."""
        read = torch.from_numpy(self._read(rows.flatten().cpu().numpy()))
        return read.reshape(*rows.shape, self.shape[2]).to(self.device)

    def parts(self) -> Iterator[Float[Tensor, "part V D"]]:
        """Yield all features in the order of the pictures, some at a time."""
        n, n_views, _ = self.shape
        for start in range(0, n, CHUNK_PICTURES):
            stop = min(start + CHUNK_PICTURES, n)
            rows = torch.arange(start * n_views, stop * n_views)
            yield self.look_up(rows.reshape(stop - start, n_views))

    def to(self, device: str | torch.device) -> StoredFeatures:
        """Return the same features, read onto another device."""
        return StoredFeatures(self._read, self.shape, device)


# n pictures, V views, C classes, D feature width. A synthetic source: A classes of n pictures each.

SEPARATION = 4.0
"""The typical distance between two class means, in standard deviations of a class."""
LOGIT_SCALE = 100.0
"""The inverse temperature of a synthetic source, which is CLIP's."""
LEAST_PICTURES = 10
"""The fewest pictures of a class whose mean says little about a single one of them."""


@dataclass(frozen=True)
class TaskSource:
    """Features of one labelled data set through one encoder, and the text features of its classes.

    Raises:
        EpisodeError: A label is not the number of a class, or a setting is out of range.
    """

    name: str
    features_nVD: Float[Tensor, "n V D"] | StoredFeatures
    """Unit rows of V ≥ 1 views of each picture, in memory or on disk."""
    labels_n: Int[Tensor, " n"]
    """The class number of each picture, 0 … C − 1; −1 without a label."""
    text_CD: Float[Tensor, "C D"]
    """Unit rows of the names of the classes."""
    logit_scale: float
    """The inverse temperature of the encoder."""
    weight: float = 1.0
    """The frequency with which the source is drawn, relative to the others."""
    domains_n: Int[Tensor, " n"] | None = None
    """The domain of each picture, 0 … M − 1; None for a single domain."""
    spec: EpisodeSpec | None = None
    """The sizes of the source's tasks; None for those of the mixture."""
    blocks: tuple[int, ...] = ()
    """The widths of the blocks of the features; () for one block."""
    cross_domain_share: float = 0.0
    """The fraction of the tasks with support and queries in different domains."""
    classes: tuple[str, ...] = ()
    """Readable names of the classes, to compare those of two sources; () if unknown."""
    encoder: str = ""
    """The encoder of the features; sources with one encoder lend one another strangers."""

    def __post_init__(self) -> None:
        if self.features_nVD.shape[1] < 1:
            raise EpisodeError(f"source {self.name!r} needs at least one view of each picture")
        n_classes = len(self.text_CD)
        if len(self.labels_n) and int(self.labels_n.max()) >= n_classes:
            raise EpisodeError(
                f"source {self.name!r} has text features of {n_classes} classes, but a label "
                f"{int(self.labels_n.max())}; labels are numbered from 0 in the order of the texts"
            )
        if not 0 < self.weight < torch.inf:
            raise EpisodeError(f"source {self.name!r}: weight must be above 0, got {self.weight}")

    @cached_property
    def index(self) -> LabelIndex:
        """The rows of each class."""
        domains = None if self.domains_n is None else self.domains_n.cpu()
        return LabelIndex.from_labels(self.labels_n.cpu(), domains, n_classes=len(self.text_CD))

    @cached_property
    def class_means_CD(self) -> Float[Tensor, "C D"]:
        """The unit mean of all pictures and views of each class; zeros without pictures."""
        n_classes = len(self.text_CD)
        # Pictures without a label are summed in an extra row, so the large table is not copied.
        class_n = self.labels_n.masked_fill(self.labels_n < 0, n_classes)
        class_n = class_n.to(self.text_CD.device)
        sums_XD = self.text_CD.new_zeros(n_classes + 1, self.text_CD.shape[1])
        features, start = self.features_nVD, 0
        for part_nVD in (features,) if isinstance(features, Tensor) else features.parts():
            for part_nD in part_nVD.unbind(1):
                sums_XD.index_add_(0, class_n[start : start + len(part_nD)], part_nD)
            start += len(part_nVD)
        return normalize(sums_XD[:n_classes], dim=1)

    @cached_property
    def large_means_CD(self) -> Float[Tensor, "C D"]:
        """`class_means_CD` of classes with `LEAST_PICTURES` or more, and zeros for others."""
        is_large_C1 = (self.index.counts_C >= LEAST_PICTURES)[:, None]
        return self.class_means_CD * is_large_C1.to(self.class_means_CD.device)

    def to(self, device: str | torch.device) -> TaskSource:
        """Return the source with its features on a device; labels stay on the CPU.

        Tasks are drawn as row numbers on the CPU, because the sizes of their tensors depend on what
        is drawn, and a device would have to be asked for them.
        """
        return replace(
            self, features_nVD=self.features_nVD.to(device), text_CD=self.text_CD.to(device)
        )


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
    """Make one data set of Gaussian classes, with one view of each picture.

    Args:
        name: The name of the source.
        n_classes: The number of classes.
        width: The feature width.
        generator: The source of randomness, on the CPU.
        n_pictures: The number of pictures of each class.
        spectrum_decay: The i-th variance within a class is proportional to i^−decay.
        gap: The offset of all pictures in one direction and of all texts in the opposite one, as a
            multiple of their length; this makes the cones of CLIP's two modalities.
        text_noise: The distance of a text from the mean of its class, as a multiple of the mean's
            length.
        weight: The frequency with which the source is drawn.
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
