"""One data set to draw tasks from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.spec import EpisodeSpec

__all__ = ["TaskSource"]

# n pictures, V views, C classes, D feature width.


@dataclass(frozen=True)
class TaskSource:
    """Features of one labelled data set through one encoder, and its classes' text features.

    Raises:
        EpisodeError: A label is no class, or a setting is out of range.
    """

    name: str
    features_nVD: Float[Tensor, "n V D"]
    """Unit rows: each picture through V views, V ≥ 1."""
    labels_n: Int[Tensor, " n"]
    """Class number of each picture, 0 … C − 1; −1 where it has no label."""
    text_CD: Float[Tensor, "C D"]
    """Unit rows: the name of each class."""
    logit_scale: float
    """The encoder's own inverse temperature."""
    weight: float = 1.0
    """How often the source is drawn, relative to the others."""
    domains_n: Int[Tensor, " n"] | None = None
    """Domain of each picture, 0 … M − 1; without it there is one."""
    spec: EpisodeSpec | None = None
    """Sizes of its tasks, if not the mixture's."""
    cross_domain_share: float = 0.0
    """Fraction of the tasks with support and queries in different domains."""

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
        """Where each class's pictures are."""
        domains = None if self.domains_n is None else self.domains_n.cpu()
        return LabelIndex.from_labels(self.labels_n.cpu(), domains, n_classes=len(self.text_CD))

    @cached_property
    def class_means_CD(self) -> Float[Tensor, "C D"]:
        """Unit mean of all pictures and views of each class; zeros for a class without one."""
        n_classes = len(self.text_CD)
        # Pictures without label go to a row of their own; the large table is never copied.
        class_n = self.labels_n.masked_fill(self.labels_n < 0, n_classes)
        sums_XD = self.text_CD.new_zeros(n_classes + 1, self.text_CD.shape[1])
        for features_nD in self.features_nVD.unbind(1):
            sums_XD.index_add_(0, class_n, features_nD)
        return normalize(sums_XD[:n_classes], dim=1)

    def to(self, device: str | torch.device) -> TaskSource:
        """The same source with its tensors on a device."""
        return replace(
            self,
            features_nVD=self.features_nVD.to(device),
            labels_n=self.labels_n.to(device),
            text_CD=self.text_CD.to(device),
            domains_n=None if self.domains_n is None else self.domains_n.to(device),
        )
