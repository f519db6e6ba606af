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

# n pictures, V views, S template sets, C classes, D feature width.


@dataclass(frozen=True)
class TaskSource:
    """Features of one labelled data set through one encoder, and its classes' text features.

    Raises:
        EpisodeError: if a label is no class, or a setting is out of range.
    """

    name: str
    features_nVD: Float[Tensor, "n V D"]
    """Unit rows: each picture through V views, V ≥ 1."""
    labels_n: Int[Tensor, " n"]
    """Class number of each picture, 0 … C − 1; −1 where it has no label."""
    text_SCD: Float[Tensor, "S C D"]
    """Unit rows: each class name through S sets of templates, S ≥ 1."""
    logit_scale: float
    """The encoder's own inverse temperature."""
    weight: float = 1.0
    """How often the source is drawn, relative to the others."""
    domains_n: Int[Tensor, " n"] | None = None
    """Domain of each picture, 0 … M − 1; without it there is one."""
    spec: EpisodeSpec | None = None
    """Sizes of its tasks, if not the mixture's."""
    cross_domain_share: float = 0.0
    """Share of tasks with support and queries in different domains."""

    def __post_init__(self) -> None:
        if min(self.features_nVD.shape[1], self.text_SCD.shape[0]) < 1:
            raise EpisodeError(f"source {self.name!r} needs at least one view and template set")
        n_classes = self.text_SCD.shape[1]
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
        return LabelIndex.from_labels(
            self.labels_n.cpu(), domains, n_classes=self.text_SCD.shape[1]
        )

    @cached_property
    def class_means_CD(self) -> Float[Tensor, "C D"]:
        """Unit mean of all pictures and views of each class; zeros for a class without one."""
        n_classes = self.text_SCD.shape[1]
        # Pictures without label go to a row of their own; the large table is never copied.
        class_n = self.labels_n.masked_fill(self.labels_n < 0, n_classes)
        sums_XD = self.text_SCD.new_zeros(n_classes + 1, self.text_SCD.shape[2])
        for features_nD in self.features_nVD.unbind(1):
            sums_XD.index_add_(0, class_n, features_nD)
        return normalize(sums_XD[:n_classes], dim=1)

    def to(self, device: str | torch.device) -> TaskSource:
        """The same source with its tensors on a device."""
        return replace(
            self,
            features_nVD=self.features_nVD.to(device),
            labels_n=self.labels_n.to(device),
            text_SCD=self.text_SCD.to(device),
            domains_n=None if self.domains_n is None else self.domains_n.to(device),
        )
